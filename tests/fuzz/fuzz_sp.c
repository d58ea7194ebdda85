/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest asks of the emulated security processor. Properties: each request has one answer of its op and number, of the size that it
 * says; a report is of this guest and over the data that were asked for; a key that was selected by nothing of the guest is the only
 * kind that another guest gets, too.
 *     bytes 0 to 3: op, the reserved byte, the number; then the message
 */
#include "fuzz.h"
#include "guest/sp/processor.h"

#define NOW 1772323200

static struct sp *machine(uint8_t filler)
{
	static struct sp machines[2];
	static bool made;
	static const uint8_t seed[32] = { 1 }, id[32] = { 2 };

	for (unsigned i = 0; !made && i < 2; i++) {
		struct sp_launch launch = { .policy = OM_SNP_POLICY_ONE, .svn = 3 };

		memset(launch.measurement, i, sizeof launch.measurement);
		sp_init(&machines[i], seed, OM_SNP_MILAN, &launch, id);
	}
	made = true;
	return &machines[filler];
}

static uint32_t u32(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

static void check_report(const uint8_t *message, const uint8_t *body, size_t body_size)
{
	struct om_snp_report r;

	PROPERTY(body_size == SP_STATUS_SIZE + OM_SNP_REPORT_SIZE && u32(body + 4) == OM_SNP_REPORT_SIZE);
	PROPERTY(om_snp_report_parse((struct om_view) { body + SP_STATUS_SIZE, OM_SNP_REPORT_SIZE }, &r) == 0);
	PROPERTY(!memcmp(r.report_data, message, 64) && r.policy == OM_SNP_POLICY_ONE && !r.measurement[0] && r.vmpl == message[64]);
}

static void check_key(const uint8_t head[SP_HEAD], const uint8_t *message, const uint8_t *body, size_t body_size)
{
	static uint8_t other[SP_HEAD + SP_ANSWER_MAX];
	bool same;

	PROPERTY(body_size == SP_STATUS_SIZE + SP_KEY_SIZE);
	PROPERTY(sp_answer(machine(1), NOW, head, message, SP_KEY_REQUEST, other) == SP_HEAD + body_size);
	same = !memcmp(body + SP_STATUS_SIZE, other + SP_HEAD + SP_STATUS_SIZE, SP_KEY_SIZE);
	PROPERTY(same == !(message[8] & SP_FIELD_MEASUREMENT));
	PROPERTY(u32(message + 20) <= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t answer[SP_HEAD + SP_ANSWER_MAX];
	uint8_t head[SP_HEAD] = { 0 };
	size_t got;

	if (size < 4 || size - 4 > SP_REQUEST_MAX)
		return 0;
	memcpy(head + 4, data, 4);
	head[0] = (uint8_t)(size - 4);
	head[1] = (uint8_t)((size - 4) >> 8);
	data += 4;
	size -= 4;
	got = sp_answer(machine(0), NOW, head, data, size, answer);
	PROPERTY(got >= SP_HEAD + SP_STATUS_SIZE && got <= sizeof answer && u32(answer) == got - SP_HEAD);
	PROPERTY(answer[4] == head[4] && !answer[5] && !memcmp(answer + 6, head + 6, 2));
	if (u32(answer + SP_HEAD)) {
		PROPERTY(got == SP_HEAD + SP_STATUS_SIZE);
		return 0;
	}
	PROPERTY(!head[5] && head[4] >= SP_REPORT && head[4] <= SP_CERTIFICATES);
	if (head[4] == SP_REPORT)
		check_report(data, answer + SP_HEAD, got - SP_HEAD);
	else if (head[4] == SP_KEY)
		check_key(head, data, answer + SP_HEAD, got - SP_HEAD);
	return 0;
}
