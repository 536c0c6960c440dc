/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bench_opts.c: flowos-bench's command line.
 */
#include "bench_opts.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "value.h"

static const struct cli_option options[] = {
	{ "trace", "FILE", "a capture: pcap, pcapng, or anything that libtrace reads, compressed or not", 'r' },
	{ "gen", "SPEC", "made-up sessions: bytes=40000,mss=1448,request=100,...; see flowos-trace gen", 0 },
	{ "live", "IF[,IF2]",
	  "network interfaces: one is received from; between two packets are forwarded, through the pipeline", 'i' },
	{ "sim", "SPEC", "simulated TCP endpoints (not built yet)", 0 },
	{ "sessions", "N[,N...]", "one run per count: the trace's sessions are multiplied, or sampled", 0 },
	{ "sweep", "OPTION=V,V...", "one run per value, for every option of an impairment or the engine; repeatable",
	  0 },
	{ "seeds", "N", "one run per seed: --seed, the one after it, ... (default 1)", 0 },
	{ "repeat", "N", "repetitions per point (default 10)", 0 },
	{ "warmup", "N", "runs that do not count, per point (default 1)", 0 },
	{ "multiplier", "R", "paced: the trace's own times, R times as fast", 0 },
	{ "pps", "N", "paced: N packets per second", 0 },
	{ "mbps", "N", "paced: N Mbit/s of captured bytes", 0 },
	{ "duration", "T", "of a live run (default: until SIGINT)", 0 },
	{ "ring", "KEY[=V][,...]",
	  "of a live run: bytes=N, frame=N (largest frame), slot=N (largest that comes by the ring), blocks, block=T, "
	  "send-ring, qdisc-bypass, port=afpacket|afxdp, xdp=auto|native|generic|copy|zerocopy",
	  0 },
	{ "parallel-stages", NULL, "modules of a stage on threads of their own (not built yet)", 0 },
	{ "cpus", "LIST",
	  "the CPUs to run on, a worker on each in turn (default: all that are allowed); none: do not pin", 0 },
	{ "release", "tap|gate",
	  "tap (default): packets leave at once; gate: once all stages have released their bytes (of a trace they go "
	  "nowhere)",
	  0 },
	{ "fail", "open|closed", "of a gate, when a cap is hit: what was not looked at passes (default), or does not",
	  0 },
	{ "peers", NULL, "floors, and libnids where it was built, on the same packets, in turns with the engine", 0 },
	{ "reference", "KIND",
	  "what streams are held against: formula, golden, clean or model (default: the first that "
	  "there is)",
	  0 },
	{ "no-check", NULL,
	  "no reference, no comparison, no hash of the trace, no warm-up, no service times: one pass a "
	  "repetition",
	  0 },
	{ "json", "FILE", "results as JSON; with - nothing else is on standard output", 0 },
	{ "csv", "FILE", "results as a table", 0 },
	{ "plot", "FILE.svg|.png", "results as a picture (needs gnuplot)", 0 },
	{ "report", "FILE.html", "results as a page that stands alone", 0 },
	{ "write", "FILE", "the packets as the engine saw them, as pcapng with a comment on each that was impaired",
	  'w' },
	{ "impaired-out", "FILE.pcapng", "the same", 0 },
	{ "streams-out", "DIR", "each stream's bytes to a file, named as tcpflow names them", 0 },
	{ NULL, NULL, NULL, 0 },
};

static const char *const not_built[] = { "sim", "parallel-stages", NULL };

static int set_sessions(struct bench_opts *o, const char *value, char *err, size_t errlen)
{
	char part[32];

	o->n_sessions = 0;
	for (const char *p = value;; p++) {
		size_t len = strcspn(p, ",");
		uint64_t n = 0;

		if (len >= sizeof(part) || o->n_sessions == OPTS_SESSIONS_MAX)
			break;
		memcpy(part, p, len);
		part[len] = '\0';
		if (bench_value_count(part, 100000000, &n) || n == 0)
			break;
		o->sessions[o->n_sessions++] = n;
		p += len;
		if (*p == '\0')
			return 0;
	}
	snprintf(err, errlen, "up to %d counts from 1 to 100M, such as 1,100,10k", OPTS_SESSIONS_MAX);
	return -EINVAL;
}

static int set_number(const char *value, uint64_t least, uint64_t most, uint32_t *out, char *err, size_t errlen)
{
	uint64_t n;

	if (bench_value_count(value, most, &n) || n < least) {
		snprintf(err, errlen, "a number from %llu to %llu", (unsigned long long)least,
		         (unsigned long long)most);
		return -EINVAL;
	}
	*out = (uint32_t)n;
	return 0;
}

/* A rate: a number that may have k or M behind it. */
static int set_rate(const char *value, double *out, char *err, size_t errlen)
{
	char text[64];
	size_t len = strlen(value);
	double unit = len && value[len - 1] == 'k' ? 1e3 : len && value[len - 1] == 'M' ? 1e6 : 1;

	if (len && len < sizeof(text)) {
		memcpy(text, value, len + 1);
		if (unit > 1)
			text[len - 1] = '\0';
		if (bench_value_number(text, out) == 0) {
			*out *= unit;
			return 0;
		}
	}
	snprintf(err, errlen, "a number above 0");
	return -EINVAL;
}

static int set_reference(struct bench_opts *o, const char *value, char *err, size_t errlen)
{
	static const char *const names[] = { "auto", "formula", "golden", "clean", "model" };

	for (int i = 1; i < 5; i++) {
		if (strcmp(value, names[i]) == 0) {
			o->reference = (enum bench_reference)i;
			return 0;
		}
	}
	snprintf(err, errlen, "formula, golden, clean or model");
	return -EINVAL;
}

/* What this process may use. */
static cpu_set_t allowed_cpus(void)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		CPU_ZERO(&allowed);
	return allowed;
}

/* A CPU number of those at *p, or -1; *p is then behind it. */
static int cpu_at(const char **p, const cpu_set_t *allowed)
{
	char *end;
	long cpu = **p >= '0' && **p <= '9' ? strtol(*p, &end, 10) : -1;

	if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, allowed))
		return -1;
	*p = end;
	return (int)cpu;
}

static void add_cpu(struct bench_cpus *c, int cpu, const cpu_set_t *allowed)
{
	if (c->n < BENCH_CPUS_MAX && CPU_ISSET((size_t)cpu, allowed))
		c->cpu[c->n++] = cpu;
}

/* All that this process may use, from the one on that it runs on. */
static void default_cpus(struct bench_opts *o)
{
	const cpu_set_t allowed = allowed_cpus();

	o->cpu = sched_getcpu();
	o->cpus.n = 0;
	for (int i = 0; i < CPU_SETSIZE; i++)
		add_cpu(&o->cpus, ((o->cpu > 0 ? o->cpu : 0) + i) % CPU_SETSIZE, &allowed);
}

/* "0", "2,3", "0-3": everything but more workers runs on the first. */
static int set_cpus(struct bench_opts *o, const char *value, char *err, size_t errlen)
{
	const cpu_set_t allowed = allowed_cpus();
	const char *p = value;
	int first = -1;

	o->cpu = -1;
	o->cpus.n = 0;
	if (strcmp(value, "none") == 0)
		return 0;
	for (;;) {
		int cpu = cpu_at(&p, &allowed), last = cpu;

		if (cpu >= 0 && *p == '-') {
			p++;
			last = cpu_at(&p, &allowed);
		}
		if (cpu < 0 || last < cpu || (*p && *p != ','))
			break;
		first = first < 0 ? cpu : first;
		for (; cpu <= last; cpu++)
			add_cpu(&o->cpus, cpu, &allowed);
		if (*p++ == '\0') {
			o->cpu = first;
			return 0;
		}
	}
	snprintf(err, errlen, "CPU numbers that this process may use, such as 0 or 0,2-3, or none");
	return -EINVAL;
}

static int set_sweep(struct bench_opts *o, const char *value, char *err, size_t errlen)
{
	const char *eq = strchr(value, '=');

	if (!eq || eq == value || !eq[1] || o->n_sweeps == OPTS_SWEEPS_MAX) {
		snprintf(err, errlen, "OPTION=V,V..., such as reorder=0%%,1%%,5%%; at most %d of them",
		         OPTS_SWEEPS_MAX);
		return -EINVAL;
	}
	o->sweep[o->n_sweeps++] = value;
	return 0;
}

static int set_duration(struct bench_opts *o, const char *value, char *err, size_t errlen)
{
	if (bench_value_time(value, &o->duration_ns) == 0 && o->duration_ns)
		return 0;
	snprintf(err, errlen, "a time above 0 with its unit, such as 10s");
	return -EINVAL;
}

/* They can be swept like the engine's. */
static int set_release(struct bench_opts *o, const char *name, const char *value, char *err, size_t errlen)
{
	int rc = bench_engine_opts_set(&o->engine, name, value, err, errlen);

	if (rc)
		snprintf(err, errlen, strcmp(name, "fail") == 0 ? "open or closed" : "tap or gate");
	return rc;
}

/* Options whose value is a name that is kept. */
static const char **text_of(struct bench_opts *o, const char *name)
{
	const struct {
		const char *name;
		const char **at;
	} text[] = { { "trace", &o->trace },
		     { "gen", &o->gen },
		     { "live", &o->live },
		     { "ring", &o->ring },
		     { "json", &o->json },
		     { "csv", &o->csv },
		     { "plot", &o->plot },
		     { "report", &o->report },
		     { "write", &o->impaired_out },
		     { "impaired-out", &o->impaired_out },
		     { "streams-out", &o->streams_out } };

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (strcmp(text[i].name, name) == 0)
			return text[i].at;
	return NULL;
}

static int set_measure(struct bench_opts *o, const char *name, const char *value, char *err, size_t errlen)
{
	if (strcmp(name, "repeat") == 0) {
		o->repeat_given = true;
		return set_number(value, 1, 100000, &o->repeat, err, errlen);
	}
	if (strcmp(name, "warmup") == 0) {
		o->warmup_given = true;
		return set_number(value, 0, 100000, &o->warmup, err, errlen);
	}
	if (strcmp(name, "seeds") == 0)
		return set_number(value, 1, 10000, &o->seeds, err, errlen);
	if (strcmp(name, "multiplier") == 0)
		return set_rate(value, &o->multiplier, err, errlen);
	if (strcmp(name, "pps") == 0)
		return set_rate(value, &o->pps, err, errlen);
	return set_rate(value, &o->mbps, err, errlen);
}

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct bench_opts *o = arg;
	const char **text = text_of(o, name);

	for (int i = 0; not_built[i]; i++) {
		if (strcmp(name, not_built[i]) == 0) {
			snprintf(err, errlen, "not built yet");
			return -ENOTSUP;
		}
	}
	if (text) {
		*text = value;
		if (!*value && strcmp(name, "gen") != 0) {
			snprintf(err, errlen, "a name is missing");
			return -EINVAL;
		}
		if (strcmp(name, "plot") == 0 &&
		    bench_plot_format(value, &(enum bench_plot_format){ 0 }, err, errlen)) {
			snprintf(err, errlen, "a plot's file name ends in .svg or .png");
			return -EINVAL;
		}
		return 0;
	}
	if (strcmp(name, "sessions") == 0)
		return set_sessions(o, value, err, errlen);
	if (strcmp(name, "sweep") == 0)
		return set_sweep(o, value, err, errlen);
	if (strcmp(name, "reference") == 0)
		return set_reference(o, value, err, errlen);
	if (strcmp(name, "cpus") == 0)
		return set_cpus(o, value, err, errlen);
	if (strcmp(name, "release") == 0 || strcmp(name, "fail") == 0)
		return set_release(o, name, value, err, errlen);
	if (strcmp(name, "duration") == 0)
		return set_duration(o, value, err, errlen);
	if (strcmp(name, "no-check") == 0) {
		o->no_check = true;
		return 0;
	}
	if (strcmp(name, "peers") == 0) {
		o->peers = true;
		return 0;
	}
	return set_measure(o, name, value, err, errlen);
}

static struct cli_program program = {
	.name = "flowos-bench",
	.usage = "flowos-bench -r FILE | --trace FILE [options]\n"
	         "       flowos-bench --gen SPEC [options]\n"
	         "       flowos-bench -i IF[,IF2] | --live IF[,IF2] [options]\n"
	         "       flowos-bench compare [--force] OLD.json NEW.json\n"
	         "       flowos-bench worst [CASE...] [options]",
	.about = "Runs a trace, impaired as asked, through the stream engine, checks every stream byte for byte,\n"
	         "and measures; or measures what comes from network interfaces.",
	.more = "Shares need % and times a unit (us, ms, s). Counts take k and M. - is standard input or output.\n\n"
	        "  flowos-bench --trace x.pcap --reorder 5%\n"
	        "  flowos-bench --trace x.pcap --sessions 1,100,10k --sweep reorder=0%,1%,5% --plot x.svg\n"
	        "  flowos-bench --gen bytes=200 --sessions 1M --stage count\n"
	        "  flowos-bench -i eth0,eth1 --duration 10s --stage count\n\n"
	        "Exit status: 0 done, 1 what was checked does not hold (or the trace is damaged), 2 could not run.\n",
	.options = options,
	.set = set,
};

int bench_opts_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	cli_vfail(&program, format, ap);
	va_end(ap);
	return CLI_CANNOT;
}

int bench_opts_outputs(const struct bench_opts *o)
{
	const char *const written[] = { o->json, o->csv, o->plot, o->report, o->impaired_out, o->impair.decisions_out };
	const char *const read[] = { o->trace, o->impair.decisions_in };

	return cli_outputs(&program, written, sizeof(written) / sizeof(written[0]), read, 2);
}

static int on_stdout(const struct bench_opts *o)
{
	const char *const path[] = { o->json, o->csv, o->report, o->impaired_out, o->impair.decisions_out };
	int n = 0;

	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++)
		n += path[i] && strcmp(path[i], "-") == 0;
	return n;
}

/* A live run is one run of what comes, and nothing is known beforehand to hold it against. */
static int not_live(const struct bench_opts *o)
{
	const struct {
		bool said;
		const char *what;
	} no[] = { { o->n_sessions > 0, "--sessions" },
		   { o->n_sweeps > 0, "--sweep" },
		   { o->seeds > 1, "--seeds" },
		   { o->repeat_given, "--repeat" },
		   { o->warmup_given, "--warmup" },
		   { o->multiplier > 0, "--multiplier" },
		   { o->pps > 0, "--pps" },
		   { o->mbps > 0, "--mbps" },
		   { o->peers, "--peers" },
		   { o->reference != REF_AUTO, "--reference" },
		   { o->impaired_out != NULL, "-w, --impaired-out" },
		   { o->streams_out != NULL, "--streams-out" },
		   { o->impair.decisions_in != NULL, "--decisions-in" },
		   { o->impair.decisions_out != NULL, "--decisions-out" } };

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (no[i].said)
			return bench_opts_fail("%s is for traces, not for --live", no[i].what);
	return -1;
}

static int contradictions(const struct bench_opts *o)
{
	if (!o->trace + !o->gen + !o->live < 2)
		return bench_opts_fail("--trace, --gen and --live exclude each other; see --help");
	if (!o->trace && !o->gen && !o->live)
		return bench_opts_fail("no --trace FILE, no --gen SPEC and no --live IF[,IF2]; see --help");
	if (!o->live && (o->duration_ns || o->ring))
		return bench_opts_fail("%s is of a live run: --live IF[,IF2]", o->ring ? "--ring" : "--duration");
	if (o->live && not_live(o) >= 0)
		return CLI_CANNOT;
	if ((o->multiplier > 0) + (o->pps > 0) + (o->mbps > 0) > 1)
		return bench_opts_fail("--multiplier, --pps and --mbps exclude each other");
	if (o->peers && o->multiplier + o->pps + o->mbps > 0)
		return bench_opts_fail("--peers runs as fast as possible: not with --multiplier, --pps or --mbps");
	if (o->reference == REF_FORMULA && !o->gen)
		return bench_opts_fail("--reference formula: only --gen has a formula");
	if (o->reference == REF_GOLDEN && !o->trace)
		return bench_opts_fail("--reference golden: only a trace has a golden file");
	if (on_stdout(o) > 1)
		return bench_opts_fail("only one output can be standard output (-)");
	if ((o->impaired_out || o->streams_out) && (o->n_sweeps || o->seeds > 1 || o->n_sessions > 1))
		return bench_opts_fail("%s takes one point: no sweep",
		                       o->impaired_out ? "-w, --impaired-out" : "--streams-out");
	if (o->impair.decisions_out && (o->n_sweeps || o->seeds > 1 || o->n_sessions > 1))
		return bench_opts_fail("--decisions-out takes one point: no sweep");
	return -1;
}

int bench_opts_parse(struct bench_opts *o, int argc, char **argv)
{
	int first, rc;

	memset(o, 0, sizeof(*o));
	o->repeat = 10;
	o->warmup = 1;
	o->seeds = 1;
	default_cpus(o);
	o->engine.cpus = &o->cpus;
	fos_impair_spec_init(&o->impair);
	program.arg = o;
	program.impair = &o->impair;
	program.engine = &o->engine;
	rc = cli_parse(&program, argc, argv, &first);
	if (rc >= 0)
		return rc;
	if (first < argc)
		return bench_opts_fail("%s: what is this? A trace goes behind --trace; see --help", argv[first]);
	if (o->no_check && !o->warmup_given)
		o->warmup = 0;
	return contradictions(o);
}

void bench_opts_free(struct bench_opts *o)
{
	fos_impair_spec_free(&o->impair);
}
