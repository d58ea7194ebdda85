/* SPDX-License-Identifier: Apache-2.0 */
#include "sum.h"

int all(int up_to)
{
	int total = 0;
	for (int i = 0; i <= up_to; i++) total = sum(total, i);
	return total;
}
