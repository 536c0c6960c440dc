/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flow.h: what an operator defines: which sessions, which levels, which pipeline; and how a session of the flow is laid
 * out in memory. Internal.
 */
#ifndef FOS_FLOW_H
#define FOS_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>
#include <pcap/bpf.h>

#include <flowos/decoder.h>
#include <flowos/key.h>
#include <flowos/module.h>
#include <flowos/release.h>

enum { FOS_FLOW_NAME = 32, FOS_INSTANCES_MAX = 64 };

enum fos__level_kind { FOS_LEVEL_IP, FOS_LEVEL_TRANSPORT, FOS_LEVEL_APP, FOS_LEVEL_ABOVE };

struct fos__level {
	const struct fos_decoder *decoder;
	enum fos__level_kind kind;
	int queue; /* number of its queue, -1: no module reads it */
};

/* A module's instance in a pipeline. */
struct fos__inst {
	const struct fos_module *module;
	void *self;
	unsigned level, stage;
	size_t state_off;                               /* of side 0's state in a session; side 1's is behind it */
	void (*data)(void *self, struct fos_stream *s); /* module->stream_data */
	bool tcp, udp;                                  /* does it take streams of such sessions? */
};

struct fos__flow {
	char name[FOS_FLOW_NAME];
	bool has_filter;
	int port; /* index of the interface that its sessions begin on; -1: any */
	struct bpf_program filter;
	unsigned n_levels, n_queues, n_inst, n_stages;
	struct fos__level level[FOS_LEVELS_MAX];
	unsigned queue_level[FOS_LEVELS_MAX];
	struct fos__inst inst[FOS_INSTANCES_MAX]; /* in order of stage */
	bool udp_streams;                         /* some module takes UDP as streams */
	bool wants_packets, wants_late, wants_datagrams;
	bool plain; /* streams, if any, are read at level `app` and at no other: fast.h */
	bool solo;  /* ... and by one module, the only one of the flow */
	bool reads; /* some module has read bytes: those that come are fetched before their turn */
	struct {
		void (*call)(void *self, struct fos_session *s, const struct fos_pkt *p, int dir);
		void *self;
	} packet[FOS_INSTANCES_MAX]; /* who wants packets, each as it comes */
	struct {
		void (*call)(void *self, const struct fos_seen *v, size_t n);
		void *self;
	} packets[FOS_INSTANCES_MAX]; /* ... and in runs */
	unsigned n_packet, n_packets;
	enum fos_release release;
	size_t queues_off, views_off, size; /* of a session's slab element */
	size_t gate_off;                    /* ... and of its two gates (release.h); 0: its packets leave at once */
};

int fos__flow_init(struct fos__flow *f, const char *name, const char *filter, const char *levels, char *err,
                   size_t errlen);
int fos__flow_add(struct fos__flow *f, unsigned stage, const struct fos_module *m, const struct fos_module_args *args,
                  const char *level, char *err, size_t errlen);
void fos__flow_free(struct fos__flow *f); /* closes the instances */

/* Lays out sessions; after the last module. `gates`: packets are released. Returns their size. */
size_t fos__flow_layout(struct fos__flow *f, bool gates);

/* Does a session with this key belong to the flow? Either direction may match. */
bool fos__flow_match(const struct fos__flow *f, const struct fos_key *key);

#endif
