/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of the error list. A switch rather than a table indexed by number: a hostile code then has no index to check,
 * and a number used twice does not compile.
 */
#include "strerror.h"

const char *om_strerror(int error)
{
	switch (error) {
	case 0: return "success";
#define X(name, number, what, cure) case name: return what;
	OM_ERRORS(X)
#undef X
	default: return "unknown error";
	}
}

const char *om_errname(int error)
{
	switch (error) {
	case 0: return "OM_OK";
#define X(name, number, what, cure) case name: return #name;
	OM_ERRORS(X)
#undef X
	default: return "OM_EUNKNOWN";
	}
}

const char *om_errcure(int error)
{
	switch (error) {
	case 0: return "nothing to do";
#define X(name, number, what, cure) case name: return cure;
	OM_ERRORS(X)
#undef X
	default: return "use the same OptMig version on both sides";
	}
}
