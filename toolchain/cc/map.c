/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads lld's link map: which bytes of the image came from which object and belong to which function. A line is
 *
 *      VMA      LMA     Size Align Out     In      Symbol
 *
 * with output sections, input sections ("file:(section)") and symbols told apart by their indentation. The linker script's
 * assignments are among them, as they are written there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "map.h"

/* Columns where lld begins the three kinds of names, counted from the first of them. */
enum { INDENT_IN = 8, INDENT_SYMBOL = 16 };

static void add_section(struct cc_map *map, size_t *room, struct cc_section section)
{
	if (map->count == *room) {
		*room = *room ? 2 * *room : 4096;
		map->section = realloc(map->section, *room * sizeof *map->section);
		if (!map->section) abort();
	}
	map->section[map->count++] = section;
}

static void add_symbol(struct cc_map *map, size_t *room, struct cc_symbol symbol)
{
	if (map->symbol_count == *room) {
		*room = *room ? 2 * *room : 4096;
		map->symbol = realloc(map->symbol, *room * sizeof *map->symbol);
		if (!map->symbol) abort();
	}
	map->symbol[map->symbol_count++] = symbol;
}

static int by_address(const void *a, const void *b)
{
	const struct cc_symbol *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

static int by_section(const void *a, const void *b)
{
	const struct cc_section *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

int cc_map_read(const char *path, struct cc_map *ret_map)
{
	struct cc_map map = {0};
	size_t section_room = 0, symbol_room = 0;
	const char *out = "";
	char *text = cc_read_file(path, NULL);
	if (!text) return 1;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		unsigned long long address, load, size, align;
		int used = 0;
		if (sscanf(line, " %llx %llx %llx %llu%n", &address, &load, &size, &align, &used) != 4 || !line[used]) continue;
		char *name = line + used + 1;
		size_t indent = strspn(name, " ");
		name += indent;
		if (strstr(name, "__rt_tracked_start = .")) map.tracked_start = address;
		if (strstr(name, "__rt_tracked_end = .")) map.tracked_end = address;
		if (indent == 0) {
			out = name;
		} else if (indent == INDENT_IN) {
			char *in = strstr(name, ":(");
			if (!in) continue;
			*in = 0;
			in += 2;
			if (*in) in[strlen(in) - 1] = 0;
			add_section(&map, &section_room, (struct cc_section){name, address, size, in, out});
		} else if (indent == INDENT_SYMBOL) {
			add_symbol(&map, &symbol_room, (struct cc_symbol){name, address});
		}
	}
	if (map.count) qsort(map.section, map.count, sizeof *map.section, by_section);
	if (map.symbol_count) qsort(map.symbol, map.symbol_count, sizeof *map.symbol, by_address);
	*ret_map = map;
	return 0;
}

const char *cc_map_object(const struct cc_map *map, uint64_t address)
{
	for (size_t i = 0; i < map->count; i++)
		if (address - map->section[i].address < map->section[i].size) return map->section[i].object;
	return "?";
}

const char *cc_map_symbol(const struct cc_map *map, uint64_t address)
{
	const char *best = "?";
	for (size_t i = 0; i < map->symbol_count && map->symbol[i].address <= address; i++)
		if (map->symbol[i].name[0] != '.') best = map->symbol[i].name;
	return best;
}
