/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_ring.c: see mb_ring.h.
 */
#include "mb_ring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "value.h"

static int set_count(uint64_t *to, const char *value, uint64_t least, uint64_t most, char *err, size_t errlen)
{
	if (bench_value_count(value, most, to) == 0 && *to >= least)
		return 0;
	snprintf(err, errlen, "%.40s: a number from %llu to %llu", value, (unsigned long long)least,
	         (unsigned long long)most);
	return -EINVAL;
}

int mb_ring_bytes(struct mb_ring *r, const char *value, char *err, size_t errlen)
{
	return set_count(&r->bytes, value, 1 << 16, (uint64_t)1 << 32, err, errlen);
}

static int set_block(struct mb_ring *r, const char *value, char *err, size_t errlen)
{
	r->blocks = true;
	if (bench_value_time(value, &r->block_ns) == 0 && r->block_ns && r->block_ns % 1000000 == 0 &&
	    r->block_ns <= (uint64_t)1000 * 1000000)
		return 0;
	snprintf(err, errlen, "block=%.40s: whole milliseconds, up to 1s", value);
	return -EINVAL;
}

static const char *const port_names[] = { NULL, "afpacket", "afxdp" };
static const char *const xdp_names[] = { NULL, "auto", "native", "generic", "copy", "zerocopy" };

/* Which of the names it is, 0 for none. */
static unsigned find(const char *const *names, size_t count, const char *word)
{
	for (unsigned i = 1; i < count; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	return 0;
}

int mb_ring_port(struct mb_ring *r, const char *word)
{
	r->port = (enum mb_port)find(port_names, sizeof(port_names) / sizeof(port_names[0]), word);
	return r->port ? 0 : -EINVAL;
}

int mb_ring_xdp(struct mb_ring *r, const char *word)
{
	r->xdp = (enum mb_xdp)find(xdp_names, sizeof(xdp_names) / sizeof(xdp_names[0]), word);
	return r->xdp ? 0 : -EINVAL;
}

const char *mb_ring_port_name(enum mb_port port)
{
	return port_names[port];
}

const char *mb_ring_xdp_name(enum mb_xdp xdp)
{
	return xdp_names[xdp];
}

static int set_word(struct mb_ring *r, const char *word, const char *value, char *err, size_t errlen)
{
	bool port = strcmp(word, "port") == 0;
	int rc = port ? mb_ring_port(r, value) : mb_ring_xdp(r, value);

	if (rc)
		snprintf(err, errlen, "%s=%.40s: %s", word, value,
		         port ? "afpacket or afxdp" : "auto, native, generic, copy or zerocopy");
	return rc;
}

static int set_one(struct mb_ring *r, char *word, char *err, size_t errlen)
{
	char *value = strchr(word, '=');
	const struct {
		const char *name;
		bool *flag;
	} flag[] = { { "blocks", &r->blocks }, { "send-ring", &r->send_ring }, { "qdisc-bypass", &r->qdisc_bypass } };

	for (size_t i = 0; !value && i < sizeof(flag) / sizeof(flag[0]); i++)
		if (strcmp(word, flag[i].name) == 0) {
			*flag[i].flag = true;
			return 0;
		}
	if (value) {
		*value++ = '\0';
		if (strcmp(word, "bytes") == 0)
			return mb_ring_bytes(r, value, err, errlen);
		if (strcmp(word, "frame") == 0)
			return set_count(&r->frame_bytes, value, 256, 1 << 17, err, errlen);
		if (strcmp(word, "slot") == 0)
			return set_count(&r->slot_bytes, value, 128, 1 << 17, err, errlen);
		if (strcmp(word, "block") == 0)
			return set_block(r, value, err, errlen);
		if (strcmp(word, "port") == 0 || strcmp(word, "xdp") == 0)
			return set_word(r, word, value, err, errlen);
	}
	snprintf(err, errlen, "%.40s: no such setting; there are " MB_RING_HELP, word);
	return -EINVAL;
}

int mb_ring_set(struct mb_ring *r, const char *text, char *err, size_t errlen)
{
	char word[128];
	int rc = 0;

	for (const char *p = text; rc == 0; p++) {
		size_t len = strcspn(p, ",");

		if (len >= sizeof(word)) {
			snprintf(err, errlen, "too long a setting");
			return -EINVAL;
		}
		memcpy(word, p, len);
		word[len] = '\0';
		rc = set_one(r, word, err, errlen);
		p += len;
		if (!*p)
			break;
	}
	return rc;
}

void mb_ring_lay(struct mb_ring *r, const struct mb_ring *over)
{
	r->port = over->port ? over->port : r->port;
	r->xdp = over->xdp ? over->xdp : r->xdp;
	r->bytes = over->bytes ? over->bytes : r->bytes;
	r->frame_bytes = over->frame_bytes ? over->frame_bytes : r->frame_bytes;
	r->slot_bytes = over->slot_bytes ? over->slot_bytes : r->slot_bytes;
	r->block_ns = over->block_ns ? over->block_ns : r->block_ns;
	r->blocks |= over->blocks;
	r->send_ring |= over->send_ring;
	r->qdisc_bypass |= over->qdisc_bypass;
}
