/* SPDX-License-Identifier: BSD-2-Clause
 *
 * replay.c: traces into memory, impairments over them, and passes of the engine. See replay.h.
 */
#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <flowos/memport.h>
#include <flowos/module_load.h>
#include <flowos/trace.h>

#include "hash_seed.h"
#include "team.h"

static int hash_file(const char *path, char text[65])
{
	FILE *f = fopen(path, "re");
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char digest[32], buf[65536];
	unsigned len = 0;
	size_t n;
	int ok = f && md && EVP_DigestInit_ex(md, EVP_sha256(), NULL);

	while (ok && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		ok = EVP_DigestUpdate(md, buf, n);
	ok = ok && !ferror(f) && EVP_DigestFinal_ex(md, digest, &len);
	for (unsigned i = 0; ok && i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	EVP_MD_CTX_free(md);
	if (f)
		fclose(f);
	return ok ? 0 : -EIO;
}

static int open_trace(struct bench_trace *t, const char *path, char *err, size_t errlen)
{
	const char *slash = strrchr(path, '/');

	memset(t, 0, sizeof(*t));
	snprintf(t->name, sizeof(t->name), "%s", slash ? slash + 1 : path);
	return fos_trace_open(path, &t->port, err, errlen);
}

int bench_trace_stream(struct bench_trace *t, const char *path, const struct bench_cpus *cpus, int busy, char *err,
                       size_t errlen)
{
	int rc = open_trace(t, path, err, errlen);

	if (rc)
		return rc;
	t->streamed = true;
	t->pages = bench_pages_start(cpus, busy);
	fos_port_ahead(t->port, bench_pages_ahead(t->pages));
	return 0;
}

int bench_trace_load(struct bench_trace *t, const char *path, bool sha256, int (*progress)(void *, uint64_t), void *arg,
                     char *err, size_t errlen)
{
	int rc = open_trace(t, path, err, errlen);

	if (rc)
		return rc;
	rc = fos_frames_load(t->port, &t->frames, progress, arg);
	if (rc == -EBADMSG || (rc && t->frames.n > 0 && rc != -ENOMEM && rc != -EINTR)) {
		t->damaged = true;
		rc = 0;
	}
	if (rc)
		snprintf(err, errlen, "%s", t->frames.error[0] ? t->frames.error : strerror(-rc));
	if (rc == 0 && sha256 && strcmp(path, "-") != 0 && hash_file(path, t->sha256))
		t->sha256[0] = '\0';
	if (rc)
		bench_trace_free(t);
	return rc;
}

void bench_trace_free(struct bench_trace *t)
{
	fos_frames_free(&t->frames);
	fos_port_close(t->port);
	bench_pages_stop(t->pages);
	memset(t, 0, sizeof(*t));
}

/* Corrupted packets whose checksum says so: drawn, or in a list that is replayed. */
static bool corrupts(const struct fos_impair_spec *spec)
{
	if (!spec->replay)
		return spec->corrupt.share && !spec->corrupt.fix;
	for (size_t i = 0; i < fos_decisions_count(spec->replay); i++) {
		uint32_t actions = fos_decisions_at(spec->replay, i)->actions;

		if ((actions & FOS_DECISION_CORRUPT) && !(actions & FOS_DECISION_FIX))
			return true;
	}
	return false;
}

bool bench_verify_checksums(const struct bench_engine_opts *o, const struct fos_impair_spec *spec)
{
	return o->checksum_given ? o->verify : spec && corrupts(spec);
}

/* How many checksums of the trace are wrong; 0 or a negative errno. */
static int scan_checksums(const struct fos_frames *in, struct fos_impair_checksums *c)
{
	struct fos_port *mem;
	int rc = fos_mem_port_open(in->v, in->n, &mem);

	if (rc == 0) {
		rc = fos_impair_checksums_scan(mem, UINT64_MAX, c);
		fos_port_close(mem);
	}
	return rc < 0 ? rc : 0;
}

int bench_check_corrupt(const struct fos_frames *in, const struct fos_impair_spec *spec, char *err, size_t errlen)
{
	struct fos_impair_checksums c = { 0 };
	int rc = corrupts(spec) ? scan_checksums(in, &c) : 0;

	if (rc < 0)
		snprintf(err, errlen, "--corrupt: %s", strerror(-rc));
	else if (c.invalid)
		snprintf(err, errlen,
		         "--corrupt: %llu of %llu checksums in the trace are wrong already (offload?), so a corrupted "
		         "packet "
		         "could not be told from them: use --corrupt P%%,checksum=fix",
		         (unsigned long long)c.invalid, (unsigned long long)c.checked);
	return rc < 0 ? rc : c.invalid ? -EINVAL : 0;
}

int bench_check_truncate(const struct fos_frames *in, const struct fos_impair_spec *spec, bool verify, char *err,
                         size_t errlen)
{
	struct fos_impair_checksums c = { 0 };
	int rc = verify && spec->truncate.share ? scan_checksums(in, &c) : 0;

	if (rc < 0)
		snprintf(err, errlen, "--truncate: %s", strerror(-rc));
	else if (c.invalid)
		snprintf(
		    err, errlen,
		    "--truncate: %llu of %llu checksums in the trace are wrong, and a packet that is cut short cannot "
		    "be verified: use --checksum ignore",
		    (unsigned long long)c.invalid, (unsigned long long)c.checked);
	return rc < 0 ? rc : c.invalid ? -EINVAL : 0;
}

static int measure(struct bench_schedule *s, char *err, size_t errlen)
{
	struct fos_reorder_meter *meter;
	int rc = fos_reorder_meter_create(&meter);

	for (size_t i = 0; rc == 0 && i < s->frames.n; i++)
		if (fos_reorder_meter_frame(meter, &s->frames.v[i]) == -ENOMEM)
			rc = -ENOMEM;
	if (rc)
		snprintf(err, errlen, "no memory to measure reordering");
	else
		fos_reorder_meter_read(meter, &s->metrics);
	fos_reorder_meter_destroy(meter);
	return rc;
}

int bench_schedule_make(struct bench_schedule *s, const struct fos_frames *in, const struct fos_impair_spec *spec,
                        char *err, size_t errlen)
{
	struct fos_port *mem;
	int rc;

	memset(s, 0, sizeof(*s));
	if (!fos_impair_spec_active(spec) && !spec->decisions_in && !spec->decisions_out) {
		s->frames = *in;
		s->stats.packets = s->stats.eligible = s->stats.released = s->metrics.packets = in->n;
		return 0;
	}
	rc = fos_mem_port_open(in->v, in->n, &mem);
	if (rc == 0) {
		rc = fos_impair_open(mem, spec, &s->port, err, errlen);
		if (rc) {
			fos_port_close(mem);
			return rc;
		}
		rc = fos_frames_load(s->port, &s->frames, NULL, NULL);
	}
	if (rc)
		snprintf(err, errlen, "impairment: %s", s->frames.error[0] ? s->frames.error : strerror(-rc));
	else
		rc = measure(s, err, errlen);
	if (rc == 0)
		fos_impair_stats(s->port, &s->stats);
	if (rc == 0)
		rc = fos_impair_finish(s->port, err, errlen);
	if (rc)
		bench_schedule_free(s);
	return rc;
}

void bench_schedule_free(struct bench_schedule *s)
{
	if (s->port)
		fos_frames_free(&s->frames);
	fos_port_close(s->port);
	memset(s, 0, sizeof(*s));
}

/* What leaves a gate goes nowhere: the engine counts it. */
static void let_go(void *arg, const struct fos_batch *b)
{
	(void)arg, (void)b;
}

int bench_worker_make(const struct bench_engine_opts *o, const struct fos_impair_spec *spec,
                      struct bench_record *record, const struct fos_worker_config *base, struct fos_worker **out,
                      char *err, size_t errlen)
{
	struct fos_worker_config cfg = { 0 };
	int rc;

	if (base)
		cfg = *base;
	if (!cfg.seed)
		cfg.seed = bench_hash_seed();
	cfg.overlap = o->overlap;
	cfg.vlan_key = o->vlan_key;
	if (o->hold_cap)
		cfg.cap_direction_bytes = o->hold_cap;
	cfg.verify_checksums = bench_verify_checksums(o, spec);
	bench_hole_wait(o, spec, &cfg.hole_wait_packets, &cfg.hole_wait_ns);
	if (o->gate)
		cfg.release = let_go;
	rc = fos_worker_create(&cfg, out);
	if (rc) {
		snprintf(err, errlen, "engine: %s", strerror(-rc));
		return rc;
	}
	rc = fos_worker_add_flow(*out, "all", o->filter, "ip:tcp:udp:app:http", err, errlen);
	if (rc >= 0 && o->gate)
		rc = fos_worker_flow_release(*out, rc, o->closed ? FOS_RELEASE_CLOSED : FOS_RELEASE_OPEN);
	for (unsigned i = 0; rc >= 0 && i < o->stages; i++) {
		char why[512] = "";

		rc = fos_stage_add(*out, 0, i, o->stage[i], o->level, why, sizeof(why));
		if (rc < 0)
			snprintf(err, errlen, "--stage %.200s: %s", o->stage[i], why[0] ? why : strerror(-rc));
	}
	if (rc >= 0 && record)
		rc = bench_record_attach(record, *out, 0, 0, NULL, err, errlen);
	if (rc < 0) {
		fos_worker_destroy(*out);
		*out = NULL;
		return rc;
	}
	return 0;
}

int bench_feed(struct fos_worker *w, const struct fos_frame *v, size_t n)
{
	struct fos_batch *b = malloc(sizeof(*b));
	int rc = b ? 0 : -ENOMEM;

	for (size_t i = 0; b && i < n; i += b->n) {
		b->n = n - i < FOS_BATCH_MAX ? (uint32_t)(n - i) : FOS_BATCH_MAX;
		for (uint32_t k = 0; k < b->n; k++)
			b->pkt[k].f = v[i + k];
		b->now_ns = b->pkt[b->n - 1].f.ts_ns;
		int err = fos_worker_run(w, b);

		if (err)
			rc = err;
	}
	free(b);
	fos_worker_end(w, FOS_END_EOF);
	return rc;
}

int bench_record_run(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, const struct fos_frames *f,
                     struct bench_record **out, struct fos_worker_stats *st, char *err, size_t errlen)
{
	struct bench_engine_opts plain = *o;
	struct fos_worker *w;
	int rc;

	plain.stages = 0;
	if (bench_workers(o) > 1)
		return bench_team_record(&plain, spec, f, out, st, err, errlen);
	*out = bench_record_new();
	if (!*out) {
		snprintf(err, errlen, "no memory");
		return -ENOMEM;
	}
	rc = bench_worker_make(&plain, spec, *out, NULL, &w, err, errlen);
	if (rc == 0) {
		rc = bench_feed(w, f->v, f->n);
		if (rc == 0)
			rc = bench_record_done(*out);
		if (rc)
			snprintf(err, errlen, "recording the streams: %s", strerror(-rc));
		if (st)
			fos_worker_stats(w, st);
		fos_worker_destroy(w);
	}
	if (rc) {
		bench_record_free(*out);
		*out = NULL;
	}
	return rc;
}
