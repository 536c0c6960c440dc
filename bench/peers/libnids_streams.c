/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libnids_streams.c: a peer: libnids reads a capture and puts every TCP stream in order. Writes a file a stream, and
 * index.tsv, which streams.py turns into golden lines. It decides nothing itself. A program of its own: libnids is GPL
 * and is linked by nothing else here.
 *
 * usage: libnids_streams [--checksum] CAPTURE FOLDER
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nids.h>

enum { SESSIONS = 1 << 17, HOSTS = 4096 };

/* One direction of a connection. */
struct half {
	char *data;
	size_t len, room;
};

struct session {
	struct tuple4 addr;
	struct half to_server, to_client;
};

static const char *folder;
static FILE *list;
static unsigned long files;

static void fail(const char *what)
{
	fprintf(stderr, "libnids_streams: %s\n", what);
	exit(2);
}

static void add(struct half *h, const struct half_stream *from)
{
	size_t n = (size_t)from->count_new;

	if (h->len + n > h->room) {
		h->room = (h->len + n) * 2;
		h->data = realloc(h->data, h->room);
		if (!h->data)
			fail("no memory");
	}
	if (n)
		memcpy(h->data + h->len, from->data, n);
	h->len += n;
}

static void endpoint(char *buf, size_t len, unsigned addr, unsigned port)
{
	struct in_addr in = { .s_addr = addr };

	snprintf(buf, len, "%s:%u", inet_ntoa(in), port);
}

static void write_half(const struct half *h, const char *src, const char *dst)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%lu", folder, ++files);
	f = fopen(path, "wbe");
	if (!f || fwrite(h->data ? h->data : "", 1, h->len, f) != h->len || fclose(f))
		fail(strerror(errno));
	fprintf(list, "%lu\t%s\t%s\t-\t?\t-\n", files, src, dst);
}

static void finish(struct session *s)
{
	char client[64], server[64];

	endpoint(client, sizeof(client), s->addr.saddr, s->addr.source);
	endpoint(server, sizeof(server), s->addr.daddr, s->addr.dest);
	write_half(&s->to_server, client, server);
	write_half(&s->to_client, server, client);
	free(s->to_server.data);
	free(s->to_client.data);
	free(s);
}

static void tcp(struct tcp_stream *a, void **mine)
{
	struct session *s = *mine;

	if (a->nids_state == NIDS_JUST_EST) {
		a->client.collect = a->server.collect = 1;
		s = calloc(1, sizeof(*s));
		if (!s)
			fail("no memory");
		s->addr = a->addr;
		*mine = s;
		return;
	}
	if (a->nids_state == NIDS_DATA) {
		if (a->client.count_new)
			add(&s->to_client, &a->client);
		if (a->server.count_new)
			add(&s->to_server, &a->server);
		return;
	}
	finish(s); /* closed, reset, timed out, or the capture has ended */
	*mine = NULL;
}

/* Its warnings go to syslog otherwise. */
static void quiet(int type, int error, struct ip *ip, void *data)
{
	(void)type;
	(void)error;
	(void)ip;
	(void)data;
}

int main(int argc, char **argv)
{
	struct nids_chksum_ctl off = { .netaddr = 0, .mask = 0, .action = NIDS_DONT_CHKSUM };
	bool verify = argc == 4 && strcmp(argv[1], "--checksum") == 0;
	char path[PATH_MAX];

	if (argc != 3 + verify) {
		fprintf(stderr, "usage: libnids_streams [--checksum] CAPTURE FOLDER\n");
		return 2;
	}
	folder = argv[2 + verify];
	snprintf(path, sizeof(path), "%s/index.tsv", folder);
	list = fopen(path, "we");
	if (!list)
		fail(strerror(errno));
	nids_params.filename = argv[1 + verify];
	nids_params.n_tcp_streams = SESSIONS;
	nids_params.n_hosts = HOSTS;
	nids_params.scan_num_hosts = 0; /* no scan detection */
	nids_params.syslog = (void (*)())quiet;
	if (!nids_init())
		fail(nids_errbuf);
	if (!verify)
		nids_register_chksum_ctl(&off, 1);
	nids_register_tcp((void *)tcp);
	nids_run();
	if (fclose(list))
		fail(strerror(errno));
	return 0;
}
