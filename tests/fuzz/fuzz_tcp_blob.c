/* SPDX-License-Identifier: Apache-2.0 */
/* A dumped connection from a hostile hand: what the decoder accepts, the encoder gives back byte for byte. */
#include <stdlib.h>
#include <string.h>
#include "net/tcp_blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcp_blob b;
	struct sockaddr_storage address;
	const uint8_t *receive, *send;
	uint8_t *again;

	if (tcp_blob_decode(&b, data, size))
		return 0;
	receive = b.receive_queue;
	send = b.send_queue;
	tcp_blob_to_sockaddr(b.family, &b.local, 0, &address);
	again = malloc(size);
	if (tcp_blob_encode(&b, again, size) != size)
		abort();
	if (b.receive_size)
		memcpy(b.receive_queue, receive, b.receive_size);
	if (b.send_size)
		memcpy(b.send_queue, send, b.send_size);
	if (memcmp(again, data, size) != 0)
		abort();
	free(again);
	return 0;
}
