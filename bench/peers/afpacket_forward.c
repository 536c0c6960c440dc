/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket_forward.c: a peer to measure against: what two AF_PACKET ports cost without an engine between them. Every
 * packet of one interface leaves through the other, both ways, in one thread. Uses io's port and nothing else of the
 * project.
 *
 * Ends at SIGINT or SIGTERM, and says what it counted.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <flowos/afpacket.h>

static const char usage[] = "usage: peer-afpacket-forward [options] INTERFACE INTERFACE\n"
                            "  -b          receive in blocks (TPACKET_V3); default: in frames (TPACKET_V2)\n"
                            "  -m MS       blocks come after so long; default 1\n"
                            "  -r MIB      receive ring of each interface; default 32\n"
                            "  -f BYTES    largest frame; default 67584\n"
                            "  -s BYTES    of frames, largest that comes by the ring; default 1888\n"
                            "  -t          send by ring; default: by call\n"
                            "  -q          send past the queueing discipline\n"
                            "  -o          without offloads' state\n";

enum { GIVE_UP_NS = 2 * 1000 * 1000, WAIT_MS = 100 };

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

struct side {
	const char *name;
	struct fos_port *port;
	uint64_t lost; /* the interface was busy for too long */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Sends a batch, again and again for a while where the interface is busy. */
static int forward(struct side *to, struct fos_batch *b)
{
	uint64_t until = 0;
	int n;

	while (b->n) {
		n = fos_port_tx(to->port, b);
		if (n == -ENETDOWN || n == -ENODEV) {
			to->lost += b->n;
			return n == -ENODEV ? n : 0;
		}
		if (n < 0)
			return n;
		if (!n && !until)
			until = now_ns() + GIVE_UP_NS;
		if (!n && now_ns() > until) {
			to->lost += b->n;
			return 0;
		}
		b->n -= (uint32_t)n;
		memmove(b->pkt, b->pkt + n, b->n * sizeof b->pkt[0]);
	}
	return 0;
}

static int run(struct side side[2])
{
	static struct fos_batch b;
	struct pollfd fd[2] = { { .fd = fos_port_fd(side[0].port), .events = POLLIN },
		                { .fd = fos_port_fd(side[1].port), .events = POLLIN } };
	int quiet = 0;

	while (!stop) {
		for (int i = 0; i < 2; i++) {
			int n = fos_port_rx(side[i].port, &b);

			if (n < 0 && n != -ENETDOWN)
				return n;
			if (n <= 0) {
				quiet++;
				continue;
			}
			quiet = 0;
			n = forward(&side[!i], &b);
			if (n)
				return n;
		}
		if (quiet >= 2) {
			quiet = 0;
			poll(fd, 2, WAIT_MS);
		}
	}
	return 0;
}

static void report(const struct side *s)
{
	struct fos_port_stats st;

	fos_port_stats(s->port, &st);
	printf("%s rx_packets=%llu rx_bytes=%llu drops=%llu freezes=%llu tx_packets=%llu tx_bytes=%llu tx_errors=%llu "
	       "lost=%llu\n",
	       s->name, (unsigned long long)st.rx_packets, (unsigned long long)st.rx_bytes,
	       (unsigned long long)st.drops, (unsigned long long)st.freezes, (unsigned long long)st.tx_packets,
	       (unsigned long long)st.tx_bytes, (unsigned long long)st.tx_errors, (unsigned long long)s->lost);
}

int main(int argc, char **argv)
{
	struct fos_afpacket_opts opts = { .promiscuous = true, .timeout_ms = -1 };
	struct side side[2] = { 0 };
	struct sigaction act = { .sa_handler = on_signal };
	char err[200];
	int c, ret = 0;

	while ((c = getopt(argc, argv, "bm:r:f:s:tqoh")) != -1)
		switch (c) {
		case 'b':
			opts.rx = FOS_AFPACKET_BLOCKS;
			break;
		case 'm':
			opts.block_ms = (uint32_t)atoi(optarg);
			break;
		case 'r':
			opts.rx_ring_bytes = (size_t)atoi(optarg) << 20;
			break;
		case 'f':
			opts.frame_bytes = (uint32_t)atoi(optarg);
			break;
		case 's':
			opts.slot_bytes = (uint32_t)atoi(optarg);
			break;
		case 't':
			opts.tx = FOS_AFPACKET_RING;
			break;
		case 'q':
			opts.qdisc_bypass = true;
			break;
		case 'o':
			opts.no_offloads = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	if (argc - optind != 2) {
		fputs(usage, stderr);
		return 2;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	for (int i = 0; i < 2; i++) {
		side[i].name = argv[optind + i];
		if (fos_afpacket_open(side[i].name, &opts, &side[i].port, err, sizeof err)) {
			fprintf(stderr, "peer-afpacket-forward: %s\n", err);
			fos_port_close(side[0].port);
			return 2;
		}
	}
	puts("forwarding");
	fflush(stdout);
	ret = run(side);
	if (ret)
		fprintf(stderr, "peer-afpacket-forward: %s %s\n", fos_port_error(side[0].port),
		        fos_port_error(side[1].port));
	for (int i = 0; i < 2; i++) {
		report(&side[i]);
		fos_port_close(side[i].port);
	}
	return ret ? 1 : 0;
}
