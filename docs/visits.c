/* SPDX-License-Identifier: Apache-2.0 */
/* visits PORT: a server that counts its visitors, and remembers when each of them came. It knows nothing of enclaves. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), visitor;
	time_t *came = NULL;
	size_t visits = 0;

	at.sin_port = htons((unsigned short)(argc > 1 ? strtoul(argv[1], NULL, 10) : 8080));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 16)) {
		perror("visits");
		return 1;
	}
	printf("counting visitors on port %d\n", ntohs(at.sin_port));
	fflush(stdout);
	while ((visitor = accept(listener, NULL, NULL)) >= 0) {
		came = realloc(came, (visits + 1) * sizeof *came);
		came[visits++] = time(NULL);
		dprintf(visitor, "visit %zu; the first was %ld s ago\n", visits, (long)(time(NULL) - came[0]));
		close(visitor);
	}
	perror("accept");
	return 1;
}
