/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig evidence`: fresh evidence of a program that runs here, once or for all who ask. `optmig verify` judges it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "control/client.h"
#include "evidence/parse/envelope.h"
#include "evidence/parse/tagged.h"
#include "exitcodes.h"
#include "move/move.h"
#include "util.h"

static const char help[] =
	"usage: optmig evidence NAME|PID --listen ADDRESS:PORT\n"
	"       optmig evidence NAME|PID --nonce HEX --out FILE\n"
	"Fresh evidence for the TLS key of a program that runs here: the enclave's word that it holds the key now, over a nonce of the\n"
	"client's. Clients get it over HTTP, without the program's doing: optmig verify --connect HOST:PORT --evidence http://HOST:PORT\n\n"
	"  --listen ADDRESS:PORT   answer GET /evidence?nonce=HEX, until it is ended. The program is looked for at each request\n"
	"  --nonce HEX             up to 64 bytes that nobody could know before\n"
	"  --out FILE              where the evidence goes, for optmig verify --evidence FILE\n";

enum { OPT_LISTEN = 1, OPT_NONCE, OPT_OUT, OPT_HELP };
static const struct option longs[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "nonce", required_argument, NULL, OPT_NONCE },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

/* The server lies beside us: .../bin/optmig, .../libexec/optmig-evidence. */
static int server_path(char *ret, size_t size)
{
	static const char name[] = "/../libexec/optmig-evidence";
	const ssize_t got = readlink("/proc/self/exe", ret, size - sizeof name);
	char *slash;

	if (got <= 0 || (size_t)got >= size - sizeof name)
		return host_fail(OM_EIO, "/proc/self/exe: %s", strerror(errno));
	ret[got] = 0;
	slash = strrchr(ret, '/');
	if (!slash)
		return host_fail(OM_EIO, "/proc/self/exe has no directory");
	memcpy(slash, name, sizeof name);
	return 0;
}

static int listen_for(const char *program, const char *where)
{
	char path[4096], text[MOVE_ENDPOINT_TEXT], number[12];
	struct move_endpoint address;
	int fd, error = move_endpoint_parse(where, &address);

	if (!error)
		error = server_path(path, sizeof path);
	if (!error)
		error = move_listen(&address, &fd, text);
	if (error)
		return error;
	if (fcntl(fd, F_SETFD, 0))
		return host_fail(OM_EIO, "fcntl: %s", strerror(errno));
	snprintf(number, sizeof number, "%d", fd);
	host_error("evidence: listening on %s for %s", text, program);
	execl(path, "optmig-evidence", program, number, (char *)NULL);
	return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
}

static int write_file(const char *path, const uint8_t *bytes, size_t size)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int error = fd < 0 ? OM_EIO : host_write_all(fd, bytes, size);

	if (error)
		error = host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (fd >= 0 && close(fd) && !error)
		error = host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	return error;
}

static int once(const char *program, const char *nonce, const char *out)
{
	uint8_t evidence[OM_EVIDENCE_MAX + OM_CLAIMS_MAX + OM_TAGGED_HEAD];
	size_t size;
	const int error = client_evidence(program, nonce, evidence, sizeof evidence, &size);

	return error ? error : write_file(out, evidence, size);
}

int cli_evidence(int argc, char **argv)
{
	const char *listen = NULL, *nonce = NULL, *out = NULL;
	int c, error;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_LISTEN: listen = optarg; break;
		case OPT_NONCE:  nonce = optarg; break;
		case OPT_OUT:    out = optarg; break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return CLI_OK;
		default:
			return HOST_EXIT_USAGE;
		}
	if (optind + 1 != argc || !listen == !nonce || !nonce != !out) {
		host_error("evidence: which program, and --listen ADDRESS:PORT, or --nonce HEX and --out FILE");
		return HOST_EXIT_USAGE;
	}
	error = listen ? listen_for(argv[optind], listen) : once(argv[optind], nonce, out);
	if (!error)
		return CLI_OK;
	host_error("evidence: %s", host_reason());
	return error == OM_ENOTFOUND ? CLI_NOTFOUND : error == OM_EINVAL ? HOST_EXIT_USAGE : CLI_FAILED;
}
