/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle's view of a process with an emulated enclave, and its two ways of looking (oracle.c, rounds.c). */
#ifndef OPTMIG_TESTS_SOUNDNESS_ORACLE_H
#define OPTMIG_TESTS_SOUNDNESS_ORACLE_H

#include "rt/rt.h"

enum { PAGE = OM_PAGE_SIZE, REPORT_MAX = 8 };

/* What is known of one process: addresses from its image, and its pages as they were. */
struct view {
	int pid;
	char session[33];
	struct om_image_header header;
	uint64_t threads, tracked_end, todo, owed, pages;
	int mem;
	uint8_t *map, *cards;                  /* page states and cards, one byte per page */
	uint8_t *old_map;
	uint8_t **copy;                        /* content of accepted pages at the last look, or NULL */
	uint8_t *dead;                         /* pages that are dead stack now */
	bool seen;
};

extern uint64_t missed;

void *need(void *p);                           /* or the process ends */
struct view *view_new(int pid, const char *session, const char *path);
void view_free(struct view *v);
/* Absent pages read as zeros: an accepted page that was never touched is not there yet. */
void read_memory(const struct view *v, uint64_t address, void *to, size_t size);
void read_tables(struct view *v);              /* map, cards, dead */
bool is_tracked(const struct view *v, uint64_t page);

/* @point: take, copy or stop, number of the round, tracker; separated by colons. */
void rounds_look(int pid, const char *path, const char *point);
void rounds_summary(bool quiet);

#endif
