/* SPDX-License-Identifier: BSD-2-Clause
 *
 * floor.c: the program peer-floor: a trace file is mapped and its packets walked once, doing as little with them as
 * ../floor.h says, or floor_order.h; its time from start to exit is what an engine's is held against. Reads plain pcap, of either byte
 * order of its times but this machine's own of its lengths.
 *
 * usage: peer-floor headers|hash|table|sum|order FILE.pcap [SESSIONS]
 *
 * Prints one line. The file is mapped plainly: asked to map all of it at once (MAP_POPULATE), in sequence or in huge pages,
 * Linux 6.18 takes as long or longer over a file in its page cache.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../floor.h"
#include "floor_order.h"

enum { PCAP_HEADER = 24, RECORD_HEADER = 16, ETHERNET_LINK = 1 };

struct map {
	const uint8_t *data;
	size_t len;
};

static int map_file(const char *path, struct map *m)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	m->len = (size_t)st.st_size;
	p = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return -errno;
	m->data = p;
	return 0;
}

/* A file in this machine's byte order that holds Ethernet frames? */
static int check_header(const struct map *m)
{
	uint32_t magic, link;

	if (m->len < PCAP_HEADER)
		return -EINVAL;
	memcpy(&magic, m->data, 4);
	memcpy(&link, m->data + 20, 4);
	return (magic == 0xa1b2c3d4 || magic == 0xa1b23c4d) && link == ETHERNET_LINK ? 0 : -EINVAL;
}

/* The next frame and its length; NULL: there is none. */
static inline const uint8_t *next_frame(const struct map *m, size_t *at, uint32_t *len)
{
	const uint8_t *frame;

	if (m->len - *at < RECORD_HEADER)
		return NULL;
	memcpy(len, m->data + *at + 8, 4);
	*at += RECORD_HEADER;
	if (*len > m->len - *at)
		return NULL;
	frame = m->data + *at;
	*at += *len;
	return frame;
}

static inline __attribute__((always_inline)) void walk(struct bench_floor *f, const struct map *m,
                                                       enum bench_floor_mode mode)
{
	size_t at = PCAP_HEADER;
	const uint8_t *frame;
	uint32_t len;

	while ((frame = next_frame(m, &at, &len)))
		bench_floor_packet(f, mode, frame, len, NULL, 0);
	bench_floor_flush(f);
}

static int walk_in_order(struct bench_floor *f, const struct map *m)
{
	struct floor_order o;
	size_t at = PCAP_HEADER;
	const uint8_t *frame;
	uint32_t len;
	int rc = floor_order_init(&o, f);

	if (rc)
		return rc;
	while ((frame = next_frame(m, &at, &len)))
		floor_order_packet(&o, frame, len);
	floor_order_end(&o);
	return o.no_memory ? -ENOMEM : 0;
}

static int run(struct bench_floor *f, const struct map *m, const char *mode)
{
	if (strcmp(mode, "headers") == 0)
		walk(f, m, BENCH_FLOOR_HEADERS);
	else if (strcmp(mode, "hash") == 0)
		walk(f, m, BENCH_FLOOR_HASH);
	else if (strcmp(mode, "table") == 0)
		walk(f, m, BENCH_FLOOR_TABLE);
	else if (strcmp(mode, "sum") == 0)
		walk(f, m, BENCH_FLOOR_SUM);
	else if (strcmp(mode, "order") == 0)
		return walk_in_order(f, m);
	else
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	size_t sessions = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000;
	static struct bench_floor f;
	struct map m;
	int rc;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: peer-floor headers|hash|table|sum|order FILE.pcap [SESSIONS]\n");
		return 2;
	}
	rc = map_file(argv[2], &m);
	if (rc || check_header(&m)) {
		fprintf(stderr, "peer-floor: %s: %s\n", argv[2],
		        rc ? strerror(-rc) : "no pcap file of this machine's byte order with Ethernet frames");
		return 2;
	}
	rc = bench_floor_init(&f, sessions);
	if (rc == 0)
		rc = run(&f, &m, argv[1]);
	if (rc) {
		fprintf(stderr, "peer-floor: %s: %s\n", argv[1], strerror(-rc));
		return 2;
	}
	if (f.full) {
		fprintf(stderr, "peer-floor: more than %zu sessions\n", sessions);
		return 2;
	}
	printf("%llu packets, %zu flows, %llu bytes, sum %016llx, %llu other, mix %llx\n",
	       (unsigned long long)f.packets, f.flows, (unsigned long long)f.payload_bytes, (unsigned long long)f.sum,
	       (unsigned long long)f.other, (unsigned long long)(f.mix & 255));
	return 0;
}
