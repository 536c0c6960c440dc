/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace_gen.c: flowos-trace gen: made-up sessions to a file. Options become a spec of gen.h; the generator does the rest.
 */
#include "trace_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/gen.h>

struct gen {
	char spec[512]; /* "sessions=100,bytes=40000" */
	const char *output;
};

static const struct cli_option options[] = {
	{ "sessions", "N", "TCP sessions (default 100)", 0 },
	{ "bytes", "N", "payload of a session from server to client (default 40000)", 0 },
	{ "request", "N", "payload of a session from client to server (default 100)", 0 },
	{ "mss", "N", "payload of a segment (default 1448)", 0 },
	{ "ack", "N", "data segments to an ACK, 0: none (default 2)", 0 },
	{ "gap", "T", "time between two packets of the trace (default 1us)", 0 },
	{ "concurrent", "N", "sessions open at the same time (default: all)", 0 },
	{ "ip", "4|6", "the IP version (default 4)", 0 },
	{ "ipv6", NULL, "the same as --ip 6", 0 },
	{ "vlan", "ID", "with this VLAN tag (default: none)", 0 },
	{ "close", "fin|rst|none", "how sessions end (default fin)", 0 },
	{ "seed", "N", "of payload, addresses and sequence numbers (default 1)", 0 },
	{ "output", "FILE", "where to write, - is standard output", 'o' },
	{ NULL, NULL, NULL, 0 },
};

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct gen *g = arg;
	struct fos_gen_spec one;
	char text[128], why[256] = "";
	size_t at = strlen(g->spec);
	int n, rc;

	if (strcmp(name, "output") == 0) {
		g->output = value;
		return 0;
	}
	if (strcmp(name, "ipv6") == 0) {
		name = "ip";
		value = "6";
	}
	n = snprintf(text, sizeof(text), "%s=%s", name, value);
	if ((size_t)n >= sizeof(text) || strchr(value, ',')) {
		snprintf(err, errlen, "one value");
		return -EINVAL;
	}
	rc = fos_gen_parse(text, &one, why, sizeof(why));
	if (rc) {
		size_t skip = strncmp(why, "gen: ", 5) == 0 ? 5 : 0;

		if (strncmp(why + skip, text, (size_t)n) == 0 && strncmp(why + skip + n, ": ", 2) == 0)
			skip += (size_t)n + 2;
		snprintf(err, errlen, "%s", why + skip);
		return rc;
	}
	if (at + (size_t)n + 2 > sizeof(g->spec)) {
		snprintf(err, errlen, "too many options");
		return -E2BIG;
	}
	snprintf(g->spec + at, sizeof(g->spec) - at, "%s%s", at ? "," : "", text);
	return 0;
}

static int generate(const struct cli_program *p, const struct gen *g)
{
	struct fos_gen_spec spec;
	struct fos_frames frames = { 0 };
	struct fos_port *port = NULL;
	struct trace_job j;
	char err[256];
	int rc = fos_gen_parse(g->spec, &spec, err, sizeof(err));

	if (rc)
		return cli_fail(p, "%s", err);
	rc = fos_gen_open(&spec, &port);
	if (rc == 0)
		rc = fos_frames_load(port, &frames, NULL, NULL);
	if (rc) {
		rc = cli_fail(p, "%s", rc == -ENOMEM ? "does not fit into memory" : strerror(-rc));
	} else {
		trace_job_init(&j, p);
		rc = trace_job_write(&j, &frames, NULL, g->output);
		trace_job_free(&j);
	}
	fos_frames_free(&frames);
	fos_port_close(port);
	return rc < 0 ? CLI_DONE : rc;
}

int trace_gen(int argc, char **argv)
{
	struct gen g = { .spec = "" };
	struct cli_program p = {
		.name = "flowos-trace gen",
		.usage = "flowos-trace gen [--sessions N] [--bytes N] [--mss N] ... -o FILE",
		.about = "Makes up TCP sessions: handshakes, requests, data, ACKs and closes, every payload byte known "
		         "by a\n"
		         "formula. Writes pcapng; the file appears whole or not at all. Counts take k and M.",
		.options = options,
		.set = set,
		.arg = &g,
		.more = "flowos-trace gen --sessions 1k --bytes 10000 --mss 1448 -o gen.pcapng\n",
	};
	int first, rc = cli_parse(&p, argc, argv, &first);

	if (rc >= 0)
		return rc;
	if (first < argc)
		return cli_fail(&p, "%s: takes no trace; see --help", argv[first]);
	if (!g.output)
		return cli_fail(&p, "where to? -o FILE is needed");
	return generate(&p, &g);
}
