/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ask_kernel.c: what does the running kernel make of these segments? Each line of standard input is a case; each gets a
 * connection of its own to a listening socket of this kernel, through a device in a network namespace of its own, with
 * a real handshake; its segments are sent in the order of the line; and a line of standard output says what the
 * application read. A case without an answer is an answer of its own, never tried again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "wire.h"

enum { PATIENCE_MS = 2000, SEGMENTS = 128, STREAM_MAX = 1 << 20, PORTS = 60000, FIRST_PORT = 2000, SKIPPED = 77 };

static const char usage[] =
    "usage: ask_kernel [OPTION...] < CASES > ANSWERS\n"
    "What the running kernel makes of overlapping TCP segments. Needs root: it makes a network namespace.\n"
    "\n"
    "A case is a line:    ISN LENGTH FROM:TO:TAG...\n"
    "  A connection with this initial sequence number; in this order, segments with the bytes from FROM to TO of\n"
    "  the stream (0 is ISN + 1), of the kind TAG (0 to 15); then LENGTH bytes are read.\n"
    "An answer is a line: TAG*N...\n"
    "  N bytes of that kind were read, in their place; or ! and why there is no answer.\n"
    "\n"
    "  --ipv6                        over IPv6\n"
    "  --options plain|sack|ts       what the SYN offers: nothing, SACK (default), SACK and time stamps\n"
    "  --device veth|tap             how packets get in: from a packet socket (default), or a tap device\n"
    "  -w FILE                       also write all packets as pcap\n"
    "  -h, --help                    this\n"
    "Status: 0 each case has an answer; 1 some have none; 2 wrong usage; 77 it cannot run here.\n";

struct segment {
	uint32_t from, to;
	unsigned tag;
};

struct kase {
	uint32_t isn, length;
	size_t count;
	struct segment segments[SEGMENTS];
};

struct run {
	struct device device;
	struct wire_conn conn;
	int listener;
	FILE *pcap;
	uint64_t packets;
	uint64_t done;
};

static bool parse(char *line, struct kase *k)
{
	char *at, *word = strtok_r(line, " \n", &at);

	memset(k, 0, sizeof(*k));
	if (!word || sscanf(word, "%" SCNu32, &k->isn) != 1)
		return false;
	word = strtok_r(NULL, " \n", &at);
	if (!word || sscanf(word, "%" SCNu32, &k->length) != 1 || k->length > STREAM_MAX)
		return false;
	while ((word = strtok_r(NULL, " \n", &at))) {
		struct segment *s = &k->segments[k->count];

		if (k->count++ == SEGMENTS ||
		    sscanf(word, "%" SCNu32 ":%" SCNu32 ":%u", &s->from, &s->to, &s->tag) != 3)
			return false;
		if (s->from >= s->to || s->to - s->from > WIRE_MAX - 200 || s->tag > 15)
			return false;
	}
	return k->count > 0;
}

static bool note(struct run *r, const uint8_t *packet, size_t len)
{
	return !r->pcap || wire_pcap_add(r->pcap, 1000000 + 10 * r->packets++, packet, len);
}

static const char *give(struct run *r, unsigned flags, uint32_t offset, const uint8_t *data, size_t len)
{
	uint8_t packet[WIRE_MAX];
	size_t n = wire_packet(&r->conn, flags, offset, data, len, packet);

	if (!note(r, packet, n))
		return "the pcap file cannot be written";
	return device_send(&r->device, packet, n) ? NULL : "a packet cannot be sent";
}

/* The handshake. *sock is the accepted socket. */
static const char *connect_to(struct run *r, int *sock)
{
	uint8_t packet[WIRE_ETHER + WIRE_MAX];
	struct pollfd ready = { .fd = r->listener, .events = POLLIN };
	const char *why = give(r, WIRE_SYN, 0, NULL, 0);
	size_t n;

	if (why)
		return why;
	do {
		n = device_receive(&r->device, packet, sizeof(packet), PATIENCE_MS);
		if (n == 0)
			return "no SYN-ACK";
	} while (!wire_is_syn_ack(&r->conn, packet, n));
	if (!note(r, packet, n))
		return "the pcap file cannot be written";
	why = give(r, WIRE_ACK, 0, NULL, 0);
	if (why)
		return why;
	if (poll(&ready, 1, PATIENCE_MS) != 1)
		return "no connection to accept";
	*sock = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return *sock < 0 ? "accept failed" : NULL;
}

static const char *send_all(struct run *r, const struct kase *k)
{
	uint8_t data[WIRE_MAX];

	for (size_t i = 0; i < k->count; i++) {
		const struct segment *s = &k->segments[i];

		for (uint32_t at = s->from; at < s->to; at++)
			data[at - s->from] = wire_byte(s->tag, at);
		const char *why = give(r, WIRE_ACK | WIRE_PSH, s->from, data, s->to - s->from);

		if (why)
			return why;
	}
	return NULL;
}

/* What the application reads, up to `length` bytes; more than that is an error as well. */
static const char *read_all(int sock, uint8_t *bytes, uint32_t length)
{
	struct pollfd ready = { .fd = sock, .events = POLLIN };
	uint32_t have = 0;

	while (have < length) {
		ssize_t n = recv(sock, bytes + have, length - have, 0);

		if (n == 0)
			return "the stream ends early";
		if (n > 0)
			have += (uint32_t)n;
		else if (errno != EAGAIN || poll(&ready, 1, PATIENCE_MS) != 1)
			return "the stream stops early";
	}
	return recv(sock, bytes, 1, MSG_PEEK) > 0 ? "there is more to read than was sent" : NULL;
}

static const char *print(const uint8_t *bytes, uint32_t length)
{
	for (uint32_t at = 0; at < length; at++)
		if ((bytes[at] & 15) != (at & 15))
			return "a byte is not in its place";
	for (uint32_t at = 0, run; at < length; at += run) {
		for (run = 1; at + run < length && bytes[at + run] >> 4 == bytes[at] >> 4;)
			run++;
		printf("%s%u*%" PRIu32, at ? " " : "", bytes[at] >> 4, run);
	}
	putchar('\n');
	return NULL;
}

/* Runs one case; says why there is no answer. */
static const char *answer(struct run *r, const struct kase *k, uint8_t *bytes)
{
	int sock = -1;

	r->conn.isn = k->isn;
	r->conn.port = (uint16_t)(FIRST_PORT + r->done % PORTS);
	r->conn.client = 0x100 + (uint32_t)(r->done / PORTS);
	const char *why = connect_to(r, &sock);

	if (!why)
		why = send_all(r, k);
	if (!why)
		why = read_all(sock, bytes, k->length);
	if (!why)
		why = print(bytes, k->length);
	if (give(r, WIRE_RST | WIRE_ACK, k->length, NULL, 0) && !why)
		why = "a packet cannot be sent";
	if (sock >= 0) {
		struct linger at_once = { .l_onoff = 1 };

		setsockopt(sock, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(sock);
	}
	return why;
}

static int run_cases(struct run *r)
{
	uint8_t *bytes = malloc(STREAM_MAX + 1);
	char *line = NULL;
	size_t size = 0, failed = 0;
	struct kase k;
	int status = 2;

	if (!bytes)
		goto out;
	for (; getline(&line, &size, stdin) > 0; r->done++) {
		if (!parse(line, &k)) {
			fprintf(stderr, "ask_kernel: line %" PRIu64 " is no case\n", r->done + 1);
			goto out;
		}
		const char *why = answer(r, &k, bytes);

		if (why) {
			printf("! %s\n", why);
			failed++;
		}
	}
	status = failed ? 1 : 0;
	if (fflush(stdout) || (r->pcap && fflush(r->pcap))) {
		fprintf(stderr, "ask_kernel: the answers cannot be written\n");
		status = 2;
	}
out:
	free(line);
	free(bytes);
	return status;
}

/* A new device may drop what is sent before the kernel has seen that it is up: no case is sent before a SYN was
 * answered. */
static bool way_is_open(struct run *r)
{
	uint8_t packet[WIRE_ETHER + WIRE_MAX];
	FILE *pcap = r->pcap;
	bool open = false;

	r->pcap = NULL;
	r->conn.client = 0xfffd;
	r->conn.port = FIRST_PORT;
	for (int tries = 0; tries < PATIENCE_MS / 10 && !open; tries++) {
		if (give(r, WIRE_SYN, 0, NULL, 0))
			continue;
		for (size_t n; !open && (n = device_receive(&r->device, packet, sizeof(packet), 10)) > 0;)
			open = wire_is_syn_ack(&r->conn, packet, n);
	}
	if (open)
		give(r, WIRE_RST, 0, NULL, 0);
	r->pcap = pcap;
	return open;
}

static int listen_on(struct run *r)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(WIRE_SERVER_PORT) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(WIRE_SERVER_PORT) };
	const struct sockaddr *any = (const struct sockaddr *)&any4;
	socklen_t len = sizeof(any4);

	if (r->conn.ipv6) {
		any = (const struct sockaddr *)&any6;
		len = sizeof(any6);
	}
	r->listener = socket(r->conn.ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return r->listener < 0 || bind(r->listener, any, len) || listen(r->listener, 128) ? -errno : 0;
}

/* A packet is processed on the processor that sends it: on one, they cannot overtake each other. */
static void stay_on_this_processor(void)
{
	cpu_set_t one;
	int here = sched_getcpu();

	CPU_ZERO(&one);
	if (here >= 0) {
		CPU_SET((size_t)here, &one);
		sched_setaffinity(0, sizeof(one), &one);
	}
}

static int wrong(const char *what)
{
	fprintf(stderr, "ask_kernel: %s (see --help)\n", what);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = { { "ipv6", no_argument, NULL, '6' },
		                                      { "options", required_argument, NULL, 'o' },
		                                      { "device", required_argument, NULL, 'd' },
		                                      { "help", no_argument, NULL, 'h' },
		                                      { NULL, 0, NULL, 0 } };
	struct run r = { .conn = { .options = WIRE_SACK }, .listener = -1 };
	enum device_kind kind = DEVICE_VETH;
	const char *pcap = NULL;
	char err[200];
	int opt;

	while ((opt = getopt_long(argc, argv, "hw:", long_options, NULL)) != -1) {
		switch (opt) {
		case '6':
			r.conn.ipv6 = true;
			break;
		case 'o':
			r.conn.options = strcmp(optarg, "ts") == 0      ? WIRE_TIMESTAMPS
			                 : strcmp(optarg, "plain") == 0 ? WIRE_PLAIN
			                                                : WIRE_SACK;
			if (r.conn.options == WIRE_SACK && strcmp(optarg, "sack") != 0)
				return wrong("--options: plain, sack or ts");
			break;
		case 'd':
			kind = strcmp(optarg, "tap") == 0 ? DEVICE_TAP : DEVICE_VETH;
			if (kind == DEVICE_VETH && strcmp(optarg, "veth") != 0)
				return wrong("--device: veth or tap");
			break;
		case 'w':
			pcap = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (optind != argc)
		return wrong("unexpected argument");
	stay_on_this_processor();
	if (device_open(&r.device, kind, err, sizeof(err))) {
		fprintf(stderr, "ask_kernel: %s\n", err);
		return SKIPPED;
	}
	int status = 2;

	if (listen_on(&r))
		perror("ask_kernel: the server");
	else if (pcap && (!(r.pcap = fopen(pcap, "wb")) || !wire_pcap_start(r.pcap)))
		perror("ask_kernel: the pcap file");
	else if (!way_is_open(&r))
		fprintf(stderr, "ask_kernel: the kernel does not answer\n");
	else
		status = run_cases(&r);
	if (r.pcap && fclose(r.pcap) && status == 0)
		status = 2;
	if (r.listener >= 0)
		close(r.listener);
	device_close(&r.device);
	return status;
}
