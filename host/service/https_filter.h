/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_HOST_SERVICE_HTTPS_FILTER_H
#define OPTMIG_HOST_SERVICE_HTTPS_FILTER_H

/* From now on only the calls of a list, for this process and its threads. Precondition: no new privileges. Return: 0, or -1 with errno. */
int https_filter(void);

#endif
