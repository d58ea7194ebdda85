/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IP address that leaves this host or comes to it, with the program that uses it. Needs CAP_NET_ADMIN (and
 * CAP_NET_RAW for the announcement). Give such an address a prefix of its own (/32, /128): when the kernel loses the
 * first address of a subnet it may drop the others with it.
 */
#ifndef OPTMIG_HOST_NET_ADDRESS_H
#define OPTMIG_HOST_NET_ADDRESS_H

#include <stdint.h>

struct net_address {
	uint8_t family;             /* AF_INET, AF_INET6 */
	uint8_t prefix;
	uint8_t bytes[16];
	char interface[16];
};

/* "ADDRESS/PREFIX@INTERFACE". The interface must exist. Return: OM_EINVAL, OM_ENOTFOUND. */
__attribute__((warn_unused_result))
int net_address_parse(const char *text, struct net_address *ret_address);

/* For good. Return: 0, also if it is there already, borrowed or not; OM_EPERM, OM_EIO. No duplicate address detection: the
 * other host has it still, or had it a moment ago. */
__attribute__((warn_unused_result))
int net_address_add(const struct net_address *address);
/* The same, but the kernel takes it away after so many seconds unless net_address_add comes: a process that is killed
 * meanwhile leaves nothing behind. One that is there already is left as it is. Source: rtnetlink(7), IFA_CACHEINFO. */
__attribute__((warn_unused_result))
int net_address_borrow(const struct net_address *address, uint32_t seconds);
/* Return: 0, also if it is not there. */
__attribute__((warn_unused_result))
int net_address_remove(const struct net_address *address);
/* May it be announced? Without that neighbours go on talking to the old host until they ask by themselves, a minute and more. Return: 0, also of an interface without
 * neighbours; OM_EPERM. */
__attribute__((warn_unused_result))
int net_address_announceable(const struct net_address *address);
/* Tells the neighbours where the address is now: gratuitous ARP, or an unsolicited neighbour advertisement. */
__attribute__((warn_unused_result))
int net_address_announce(const struct net_address *address);

#endif
