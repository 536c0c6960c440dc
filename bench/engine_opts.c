/* SPDX-License-Identifier: BSD-2-Clause
 *
 * engine_opts.c: the options that set up an engine, from text. See replay.h.
 */
#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

const struct bench_option bench_engine_options[] = {
	{ "stage", "M[:key=value][+M]", "a pipeline stage, repeatable, in order; + joins read-only modules" },
	{ "level", "LEVEL", "what the stages read: ip, tcp, udp, app or http (default: what each module says)" },
	{ "overlap", "POLICY",
	  "bsd (default), bsd-right, first, last, linux, old-linux, windows, windows2k3, vista, solaris, macos, irix, "
	  "hpux10, hpux11" },
	{ "checksum", "verify|ignore",
	  "drop packets whose checksum is wrong, or not (default ignore; live, and with --corrupt: verify)" },
	{ "hole-wait", "N|T[,T]",
	  "how long a hole is waited for once an ACK is beyond it, in packets of its direction or "
	  "time (default 1024); raised to the impairment's depth and delay" },
	{ "hold-cap", "N",
	  "memory that one direction may hold above a hole, in bytes (default 16M): beyond it the hole becomes a gap" },
	{ "vlan-key", NULL, "VLAN tags belong to the session key" },
	{ "workers", "N",
	  "engine threads that share the sessions among them and nothing else (default 1); what comes out is the "
	  "same" },
	{ "flow", "FILTER", "only sessions that match this pcap filter go through the engine; others pass" },
	{ NULL, NULL, NULL },
};

static int set_overlap(struct bench_engine_opts *o, const char *value, char *err, size_t errlen)
{
	int policy = fos_overlap_by_name(value);

	if (policy < 0) {
		snprintf(
		    err, errlen,
		    "--overlap %s: no such policy; there are bsd, bsd-right, first, last, linux, old-linux, windows, "
		    "windows2k3, vista, solaris, macos, irix, hpux10, hpux11",
		    value);
		return policy;
	}
	o->overlap = (enum fos_overlap)policy;
	return 0;
}

static int set_checksum(struct bench_engine_opts *o, const char *value, char *err, size_t errlen)
{
	if (strcmp(value, "verify") != 0 && strcmp(value, "ignore") != 0) {
		snprintf(err, errlen, "--checksum %s: verify or ignore", value);
		return -EINVAL;
	}
	o->verify = value[0] == 'v';
	o->checksum_given = true;
	return 0;
}

static int set_level(struct bench_engine_opts *o, const char *value, char *err, size_t errlen)
{
	static const char *const names[] = { "ip", "tcp", "udp", "app", "http" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			o->level = value;
			return 0;
		}
	}
	snprintf(err, errlen, "--level %s: no such level; there are ip, tcp, udp, app, http", value);
	return -EINVAL;
}

static int set_hole_wait(struct bench_engine_opts *o, const char *value, char *err, size_t errlen)
{
	char part[64];
	uint64_t n;

	o->hole_packets = 0;
	o->hole_ns = 0;
	for (const char *p = value; *p;) {
		size_t len = strcspn(p, ",");
		bool ok = len > 0 && len < sizeof(part);

		if (ok) {
			memcpy(part, p, len);
			part[len] = '\0';
			if (bench_value_count(part, UINT32_MAX, &n) == 0)
				o->hole_packets = (uint32_t)n;
			else if (bench_value_time(part, &n) == 0)
				o->hole_ns = n;
			else
				ok = false;
		}
		if (!ok || (p[len] == ',' && !p[len + 1])) {
			snprintf(err, errlen, "--hole-wait %s: a number of packets or a time, such as 1000 or 50ms",
			         value);
			return -EINVAL;
		}
		p += len + (p[len] == ',');
	}
	if (!o->hole_packets && !o->hole_ns) {
		snprintf(err, errlen, "--hole-wait %s: above 0", value);
		return -EINVAL;
	}
	return 0;
}

static int set_hold_cap(struct bench_engine_opts *o, const char *value, char *err, size_t errlen)
{
	uint64_t n;

	if (bench_value_count(value, SIZE_MAX / 2, &n) || n == 0) {
		snprintf(err, errlen, "--hold-cap %s: bytes, such as 64k", value);
		return -EINVAL;
	}
	o->hold_cap = (size_t)n;
	return 0;
}

static int set_workers(struct bench_engine_opts *o, const char *value, char *err, size_t errlen)
{
	uint64_t n;

	if (bench_value_count(value, BENCH_WORKERS_MAX, &n) || n == 0) {
		snprintf(err, errlen, "--workers %s: a number from 1 to %d", value, BENCH_WORKERS_MAX);
		return -EINVAL;
	}
	o->workers = (uint32_t)n;
	return 0;
}

/* "release" and "fail": one word or the other. */
static int set_word(const char *name, const char *value, const char *no, const char *yes, bool *out, char *err,
                    size_t errlen)
{
	*out = strcmp(value, yes) == 0;
	if (*out || strcmp(value, no) == 0)
		return 0;
	snprintf(err, errlen, "--%s %s: %s or %s", name, value, no, yes);
	return -EINVAL;
}

static int set_stage(struct bench_engine_opts *o, const char *value, char *err, size_t errlen)
{
	if (o->stages == BENCH_STAGES_MAX || !*value) {
		snprintf(err, errlen, "--stage: %s", *value ? "too many stages" : "a module's name is missing");
		return -EINVAL;
	}
	o->stage[o->stages++] = value;
	return 0;
}

int bench_engine_opts_set(struct bench_engine_opts *o, const char *name, const char *value, char *err, size_t errlen)
{
	if (strcmp(name, "overlap") == 0)
		return set_overlap(o, value, err, errlen);
	if (strcmp(name, "checksum") == 0)
		return set_checksum(o, value, err, errlen);
	if (strcmp(name, "hole-wait") == 0)
		return set_hole_wait(o, value, err, errlen);
	if (strcmp(name, "hold-cap") == 0)
		return set_hold_cap(o, value, err, errlen);
	if (strcmp(name, "stage") == 0)
		return set_stage(o, value, err, errlen);
	if (strcmp(name, "workers") == 0)
		return set_workers(o, value, err, errlen);
	if (strcmp(name, "release") == 0)
		return set_word(name, value, "tap", "gate", &o->gate, err, errlen);
	if (strcmp(name, "fail") == 0)
		return set_word(name, value, "open", "closed", &o->closed, err, errlen);
	if (strcmp(name, "vlan-key") == 0)
		o->vlan_key = true;
	else if (strcmp(name, "level") == 0)
		return set_level(o, value, err, errlen);
	else if (strcmp(name, "flow") == 0)
		o->filter = value;
	else
		return -ENOENT;
	return 0;
}

void bench_hole_wait(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, uint32_t *packets,
                     uint64_t *ns)
{
	uint64_t depth = spec ? fos_impair_spec_depth(spec) : 0, delay = spec ? fos_impair_spec_delay(spec) : 0;

	*packets = o->hole_packets;
	*ns = o->hole_ns;
	if (!*packets && !*ns)
		*packets = 1024;
	/* A hole that is waited for by time alone is waited for by number too when packets are displaced by number. */
	if (depth > *packets)
		*packets = depth > UINT32_MAX ? UINT32_MAX : (uint32_t)depth;
	if (delay > *ns)
		*ns = delay;
}

void bench_hole_wait_text(uint32_t packets, uint64_t ns, char *buf, size_t len)
{
	char time[40] = "";

	if (ns) {
		if (ns % 1000000 == 0)
			snprintf(time, sizeof(time), "%llums", (unsigned long long)(ns / 1000000));
		else if (ns % 1000 == 0)
			snprintf(time, sizeof(time), "%lluus", (unsigned long long)(ns / 1000));
		else
			snprintf(time, sizeof(time), "%lluns", (unsigned long long)ns);
	}
	if (packets && ns)
		snprintf(buf, len, "%u,%s", packets, time);
	else if (ns)
		snprintf(buf, len, "%s", time);
	else
		snprintf(buf, len, "%u", packets);
}
