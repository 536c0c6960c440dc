/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flow.c: flow definitions. Uses libpcap's filter compiler and its interpreter, nothing else of libpcap.
 */
#include "flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "queue.h"
#include "release.h"
#include "session.h"

static int compile(struct fos__flow *f, const char *filter, char *err, size_t errlen)
{
	pcap_t *dead = pcap_open_dead(DLT_RAW, 65535);
	int rc = 0;

	if (!dead)
		return -ENOMEM;
	if (pcap_compile(dead, &f->filter, filter, 1, (bpf_u_int32)PCAP_NETMASK_UNKNOWN) != 0) {
		snprintf(err, errlen, "flow %s: filter \"%s\": %s", f->name, filter, pcap_geterr(dead));
		rc = -EINVAL;
	} else {
		f->has_filter = true;
	}
	pcap_close(dead);
	return rc;
}

static enum fos__level_kind kind_of(const char *name)
{
	if (strcasecmp(name, "ip") == 0)
		return FOS_LEVEL_IP;
	if (strcasecmp(name, "tcp") == 0 || strcasecmp(name, "udp") == 0)
		return FOS_LEVEL_TRANSPORT;
	return strcasecmp(name, "app") == 0 ? FOS_LEVEL_APP : FOS_LEVEL_ABOVE;
}

static int parse_levels(struct fos__flow *f, const char *levels, char *err, size_t errlen)
{
	enum fos__level_kind last = FOS_LEVEL_IP;

	for (const char *p = levels; *p;) {
		size_t len = strcspn(p, ":");
		const struct fos_decoder *d = fos_decoder_find(p, len);

		if (!d) {
			snprintf(err, errlen, "flow %s: no decoder for level \"%.*s\"", f->name, (int)len, p);
			return -EINVAL;
		}
		if (f->n_levels == FOS_LEVELS_MAX) {
			snprintf(err, errlen, "flow %s: more than %d levels", f->name, FOS_LEVELS_MAX);
			return -EINVAL;
		}
		enum fos__level_kind kind = kind_of(d->name);

		if (f->n_levels && kind < last) {
			snprintf(err, errlen, "flow %s: level %s cannot stand behind the ones before it in \"%s\"",
			         f->name, d->name, levels);
			return -EINVAL;
		}
		last = kind;
		f->level[f->n_levels++] = (struct fos__level){ .decoder = d, .kind = kind, .queue = -1 };
		p += len;
		if (*p == ':')
			p++;
	}
	return 0;
}

int fos__flow_init(struct fos__flow *f, const char *name, const char *filter, const char *levels, char *err,
                   size_t errlen)
{
	memset(f, 0, sizeof(*f));
	f->port = -1;
	snprintf(f->name, sizeof(f->name), "%s", name);
	if (filter && *filter) {
		int rc = compile(f, filter, err, errlen);

		if (rc)
			return rc;
	}
	return parse_levels(f, levels && *levels ? levels : "ip:tcp:udp:app", err, errlen);
}

static int find_level(const struct fos__flow *f, const char *name)
{
	for (unsigned i = 0; i < f->n_levels; i++)
		if (strcasecmp(f->level[i].decoder->name, name) == 0)
			return (int)i;
	return -1;
}

static int check_args(const struct fos_module *m, const struct fos_module_args *args, char *err, size_t errlen)
{
	for (size_t i = 0; i < args->n; i++) {
		const char *key = args->arg[i].key;
		bool known = false;

		for (const char *const *h = m->arg_help; h && *h && !known; h++)
			known = strncmp(*h, key, strlen(key)) == 0 && (*h)[strlen(key)] == '=';
		if (!known) {
			snprintf(err, errlen, "module %s has no argument \"%s\"", m->name, key);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_module(const struct fos__flow *f, unsigned stage, const struct fos_module *m, char *err, size_t errlen)
{
	if (m->access == FOS_READ_WRITE) {
		snprintf(err, errlen, "module %s writes: read-write modules are not built yet", m->name);
		return -ENOTSUP;
	}
	if (f->n_inst == FOS_INSTANCES_MAX || stage > f->n_stages) {
		snprintf(err, errlen, "module %s: too many modules, or a stage left out", m->name);
		return -EINVAL;
	}
	return 0;
}

int fos__flow_add(struct fos__flow *f, unsigned stage, const struct fos_module *m, const struct fos_module_args *args,
                  const char *level, char *err, size_t errlen)
{
	static const struct fos_module_args none;
	const char *want = level ? level : m->level ? m->level : "app";
	int l = find_level(f, want), rc = check_module(f, stage, m, err, errlen);
	unsigned at = f->n_inst;
	void *self = NULL;

	if (rc)
		return rc;
	if (l < 0) {
		snprintf(err, errlen, "module %s reads level %s, which flow %s does not have", m->name, want, f->name);
		return -EINVAL;
	}
	rc = check_args(m, args ? args : &none, err, errlen);
	if (rc)
		return rc;
	snprintf(err, errlen, "module %s could not be opened", m->name);
	rc = m->open(args ? args : &none, &self, err, errlen);
	if (rc)
		return rc;
	for (; at > 0 && f->inst[at - 1].stage > stage; at--)
		f->inst[at] = f->inst[at - 1];
	f->inst[at] = (struct fos__inst){ .module = m, .self = self, .level = (unsigned)l, .stage = stage };
	f->n_inst++;
	if (stage == f->n_stages)
		f->n_stages++;
	return 0;
}

static bool reads_streams(const struct fos_module *m)
{
	return m->stream_data || m->stream_open || m->stream_gap || m->stream_close || m->stream_late;
}

size_t fos__flow_layout(struct fos__flow *f, bool gates)
{
	size_t off = sizeof(struct fos_session);

	f->n_queues = f->n_packet = f->n_packets = 0;
	for (unsigned i = 0; i < f->n_inst; i++) {
		const struct fos_module *m = f->inst[i].module;
		struct fos__level *l = &f->level[f->inst[i].level];

		f->wants_packets |= m->packet || m->packets;
		if (m->packets) {
			f->packets[f->n_packets].call = m->packets;
			f->packets[f->n_packets++].self = f->inst[i].self;
		} else if (m->packet) {
			f->packet[f->n_packet].call = m->packet;
			f->packet[f->n_packet++].self = f->inst[i].self;
		}
		f->inst[i].data = m->stream_data;
		f->inst[i].tcp = reads_streams(m);
		f->inst[i].udp = reads_streams(m) && !m->datagram;
		f->wants_late |= m->stream_late != NULL;
		f->wants_datagrams |= m->datagram != NULL;
		f->udp_streams |= reads_streams(m) && !m->datagram;
		if (l->queue < 0 && reads_streams(m)) {
			f->queue_level[f->n_queues] = f->inst[i].level;
			l->queue = (int)f->n_queues++;
		}
	}
	f->plain = f->n_queues == 0 || (f->n_queues == 1 && f->level[f->queue_level[0]].kind == FOS_LEVEL_APP);
	f->solo = f->plain && f->n_inst == 1 && f->n_queues == 1 && f->inst[0].data;
	f->views_off = off;
	off += 2 * f->n_inst * sizeof(struct fos_stream);
	f->queues_off = off;
	off += 2 * f->n_queues * sizeof(struct fos__queue);
	for (unsigned i = 0; i < f->n_inst; i++) {
		off = (off + 15) & ~(size_t)15;
		f->inst[i].state_off = off;
		off += 2 * (((size_t)f->inst[i].module->stream_state + 15) & ~(size_t)15);
	}
	if (gates && f->release != FOS_RELEASE_TAP && f->n_queues) {
		off = f->gate_off = (off + 15) & ~(size_t)15;
		off += 2 * sizeof(struct fos__gate);
	}
	f->size = (off + 15) & ~(size_t)15;
	return f->size;
}

void fos__flow_free(struct fos__flow *f)
{
	for (unsigned i = 0; i < f->n_inst; i++)
		if (f->inst[i].module->close)
			f->inst[i].module->close(f->inst[i].self);
	if (f->has_filter)
		pcap_freecode(&f->filter);
}

/* An IP packet with the key's addresses and ports, sent by `side`; returns its length. */
static unsigned canonical(const struct fos_key *k, int side, uint8_t *buf)
{
	unsigned l4 = k->version == 4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	unsigned len = l4 + (k->proto == IPPROTO_TCP ? 20u : 8u);
	uint16_t sport = htons(k->port[side]), dport = htons(k->port[!side]);

	memset(buf, 0, len);
	if (k->version == 4) {
		struct iphdr ip = {
			.version = 4, .ihl = 5, .tot_len = htons((uint16_t)len), .ttl = 64, .protocol = k->proto
		};

		memcpy(&ip.saddr, k->addr[side], 4);
		memcpy(&ip.daddr, k->addr[!side], 4);
		memcpy(buf, &ip, sizeof(ip));
	} else {
		struct ip6_hdr ip = { 0 };

		ip.ip6_flow = htonl(6u << 28);
		ip.ip6_plen = htons((uint16_t)(len - l4));
		ip.ip6_nxt = k->proto;
		ip.ip6_hlim = 64;
		memcpy(&ip.ip6_src, k->addr[side], 16);
		memcpy(&ip.ip6_dst, k->addr[!side], 16);
		memcpy(buf, &ip, sizeof(ip));
	}
	memcpy(buf + l4, &sport, 2);
	memcpy(buf + l4 + 2, &dport, 2);
	if (k->proto == IPPROTO_TCP)
		buf[l4 + 12] = 5 << 4;
	else
		buf[l4 + 5] = 8;
	return len;
}

bool fos__flow_match(const struct fos__flow *f, const struct fos_key *key)
{
	uint8_t pkt[80];

	if (!f->has_filter)
		return true;
	for (int side = 0; side < 2; side++) {
		unsigned len = canonical(key, side, pkt);

		if (bpf_filter(f->filter.bf_insns, pkt, len, len))
			return true;
	}
	return false;
}
