/* SPDX-License-Identifier: BSD-2-Clause
 *
 * peer.c: runs the floors, finds and runs libnids_peer.so: in the folders of FLOWOS_MODULE_PATH (environment, with colons
 * between), then beside the program (../lib/flowos). Once loaded it stays.
 */
#include "peer.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxh_x86dispatch.h>
#define WIDE_HASH XXH3_128bits_dispatch
#else
#define WIDE_HASH XXH3_128bits
#endif

#include "floor.h"
#include "measure.h"
#include "peer_abi.h"

#define OBJECT "libnids_peer.so"

static const enum bench_floor_mode floor_mode[] = { BENCH_FLOOR_HEADERS, BENCH_FLOOR_HASH, BENCH_FLOOR_SUM };
static const char *const floor_name[] = { "floor: headers", "floor: hash", "floor: sum" };
enum { FLOORS = sizeof(floor_mode) / sizeof(floor_mode[0]), HASH = FLOORS, HASH_WIDE, NIDS };

static const struct bench_peer_abi *try_folder(const char *folder, size_t len)
{
	char path[PATH_MAX];
	const struct bench_peer_abi *abi;
	void *so;

	if (snprintf(path, sizeof(path), "%.*s/" OBJECT, (int)len, folder) >= (int)sizeof(path))
		return NULL;
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	abi = so ? dlsym(so, BENCH_PEER_SYMBOL) : NULL;
	if (abi && abi->version == BENCH_PEER_ABI)
		return abi;
	if (so)
		dlclose(so);
	return NULL;
}

static const struct bench_peer_abi *look_for(void)
{
	const struct bench_peer_abi *abi = NULL;
	const char *list = getenv("FLOWOS_MODULE_PATH");
	char exe[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", exe, PATH_MAX);
	char *slash = NULL;

	for (size_t len; list && *list && !abi; list += len + (list[len] == ':')) {
		len = strcspn(list, ":");
		if (len)
			abi = try_folder(list, len);
	}
	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
	}
	if (abi || !slash)
		return abi;
	strcpy(slash, "/../lib/flowos");
	return try_folder(exe, strlen(exe));
}

static const struct bench_peer_abi *loaded(void)
{
	static const struct bench_peer_abi *abi;
	static bool looked;

	if (!looked)
		abi = look_for();
	looked = true;
	return abi;
}

unsigned bench_peer_count(void)
{
	return NIDS + (loaded() ? 1 : 0);
}

const char *bench_peer_name(unsigned peer)
{
	if (peer < FLOORS)
		return floor_name[peer];
	return peer == HASH ? "plain: xxh3" : peer == HASH_WIDE ? "plain: xxh3 wide" : loaded()->name;
}

static inline __attribute__((always_inline)) void walk(struct bench_floor *b, const struct fos_frames *f,
                                                       enum bench_floor_mode mode)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct fos_frame *v = &f->v[i];

		bench_floor_packet(b, mode, v->data, v->len, v->ext, v->ext_len);
	}
	bench_floor_flush(b);
}

/* A call a mode: each is a loop of its own. */
static void run_floor(struct bench_floor *b, const struct fos_frames *f, enum bench_floor_mode mode)
{
	if (mode == BENCH_FLOOR_HEADERS)
		walk(b, f, BENCH_FLOOR_HEADERS);
	else if (mode == BENCH_FLOOR_HASH)
		walk(b, f, BENCH_FLOOR_HASH);
	else if (mode == BENCH_FLOOR_TABLE)
		walk(b, f, BENCH_FLOOR_TABLE);
	else
		walk(b, f, BENCH_FLOOR_SUM);
}

int bench_peer_flows(const struct fos_frames *f, uint64_t *flows)
{
	struct bench_floor b;

	for (uint64_t most = 4096;; most *= 8) {
		int rc = bench_floor_init(&b, most);

		if (rc)
			return rc;
		run_floor(&b, f, BENCH_FLOOR_TABLE);
		bench_floor_clear(&b);
		*flows = b.flows;
		if (!b.full)
			return 0;
	}
}

static int floor_pass(enum bench_floor_mode mode, const struct fos_frames *f, uint64_t flows,
                      struct bench_peer_pass *out)
{
	struct bench_floor b;
	int rc = bench_floor_init(&b, flows);
	uint64_t start;

	if (rc)
		return rc;
	start = bench_now_ns();
	run_floor(&b, f, mode);
	out->seconds = (double)(bench_now_ns() - start) / 1e9;
	out->bytes = b.payload_bytes;
	out->sum = b.sum;
	bench_floor_clear(&b);
	return 0;
}

/* libxxhash's widest one may leave the upper halves of the vector registers in use. Until they are cleared, each instruction of SSE has
 * to keep what is in them: XXH3 with SSE takes nearly three times as long, and whoever takes the next turn may, too. */
#ifdef __x86_64__
__attribute__((target("avx"))) static void clear_upper_halves(void)
{
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroupper");
}
#else
static void clear_upper_halves(void)
{
}
#endif

/* XXH3 of 128 bits over every payload, one after the other, and nothing else. `wide`: with the widest vectors that the processor
 * has, as the module digest does it. */
static void hash_pass(const struct fos_frames *f, bool wide, struct bench_peer_pass *out)
{
	uint64_t start = bench_now_ns(), mix = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct fos_frame *v = &f->v[i];
		size_t len;
		const uint8_t *data = bench_floor_payload(v->data, v->len, v->ext, v->ext_len, &len);

		if (!data || !len)
			continue;
		mix += (wide ? WIDE_HASH(data, len) : XXH3_128bits(data, len)).low64;
		out->bytes += len;
	}
	clear_upper_halves();
	out->seconds = (double)(bench_now_ns() - start) / 1e9;
	out->sum = mix;
}

int bench_peer_pass(unsigned peer, const struct fos_frames *f, const struct bench_peer_team *team, uint64_t flows,
                    struct bench_peer_pass *out, char *err, size_t errlen)
{
	const struct bench_peer_abi *abi = loaded();
	uint64_t start;
	void *self;
	int rc;

	memset(out, 0, sizeof(*out));
	if (peer < FLOORS) {
		rc = team && team->lanes && team->lanes->workers > 1
		         ? bench_peer_floor_team((int)floor_mode[peer], f, team->lanes, team->cpus, flows, out)
		         : floor_pass(floor_mode[peer], f, flows, out);
		if (rc)
			snprintf(err, errlen, "%s: %s", floor_name[peer], strerror(-rc));
		return rc;
	}
	if (peer == HASH || peer == HASH_WIDE) {
		hash_pass(f, peer == HASH_WIDE, out);
		return 0;
	}
	rc = abi->open(f->v, f->n, flows, &self, err, errlen);
	if (rc)
		return rc;
	start = bench_now_ns();
	abi->run(self, &out->bytes, &out->sum);
	out->seconds = (double)(bench_now_ns() - start) / 1e9;
	abi->close(self);
	return 0;
}
