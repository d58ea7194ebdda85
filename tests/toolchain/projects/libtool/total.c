/* SPDX-License-Identifier: Apache-2.0 */
int all(int up_to);

int main(void)
{
	return all(8) != 36;
}
