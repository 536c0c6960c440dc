/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httplog.c: see httplog.h. libhtp frees a transaction once it is complete; those that never are stay in its list, and
 * are taken from there in the end.
 */
#include "httplog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "outfile.h"

enum { HTTPLOG_HOSTS_MAX = 1000000, HTTPLOG_FIELD = 4096 };

static const char *const httplog_methods[HTTPLOG_METHODS] = {
	"OTHER",       "HEAD",       "GET",
	"PUT",         "POST",       "DELETE",
	"CONNECT",     "OPTIONS",    "TRACE",
	"PATCH",       "PROPFIND",   "PROPPATCH",
	"MKCOL",       "COPY",       "MOVE",
	"LOCK",        "UNLOCK",     "VERSION-CONTROL",
	"CHECKOUT",    "UNCHECKOUT", "CHECKIN",
	"UPDATE",      "LABEL",      "REPORT",
	"MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL",
	"MERGE",       "INVALID",
};

static const char *httplog_text(const bstr *b, char *buf, size_t size)
{
	return b ? outfile_field(bstr_ptr(b), bstr_len(b), buf, size) : strcpy(buf, "-");
}

/* Distinct names, by their hash; names beyond HTTPLOG_HOSTS_MAX are not counted. */
static void httplog_host(struct httplog *l, const bstr *host)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	if (!host || l->hosts.used >= HTTPLOG_HOSTS_MAX)
		return;
	for (size_t i = 0; i < bstr_len(host); i++)
		hash = (hash ^ bstr_ptr(host)[i]) * 0x100000001b3u;
	hash = hash ? hash : 1;
	if (!idmap_get(&l->hosts, hash))
		idmap_put(&l->hosts, hash, l); /* without memory it is not counted */
}

static const char *httplog_content_type(const htp_tx_t *tx, char *buf, size_t size)
{
	const htp_header_t *h = NULL;

	if (tx->response_headers)
		h = htp_table_get_c(tx->response_headers, "content-type");
	return httplog_text(h ? h->value : NULL, buf, size);
}

static void httplog_line(struct httplog_conn *c, const htp_tx_t *tx)
{
	char name[MOD_NAME_TEXT], method[64], host[300], type[256], status[16] = "-";
	char *uri = malloc(HTTPLOG_FIELD);

	if (!uri)
		return;
	mod_stream_name(c->key, c->client, name);
	if (tx->response_status_number > 0)
		snprintf(status, sizeof(status), "%d", tx->response_status_number);
	outfile_line(c->log->out, "%s\t%s\t%s\t%s\t%s\t%lld\t%lld\t%s", name,
	             httplog_text(tx->request_method, method, sizeof(method)),
	             httplog_text(tx->request_hostname, host, sizeof(host)),
	             httplog_text(tx->request_method ? tx->request_uri : NULL, uri, HTTPLOG_FIELD), status,
	             (long long)tx->request_entity_len, (long long)tx->response_entity_len,
	             httplog_content_type(tx, type, sizeof(type)));
	free(uri);
}

static void httplog_count(struct httplog_conn *c, const htp_tx_t *tx)
{
	struct httplog *l = c->log;

	if (tx->request_method) {
		unsigned m = (unsigned)tx->request_method_number;
		l->requests++;
		l->method[m < HTTPLOG_METHODS ? m : 0]++;
		httplog_host(l, tx->request_hostname);
	}
	if (tx->response_status_number > 0) {
		l->responses++;
		if (tx->response_status_number < HTTPLOG_STATUS)
			l->status[tx->response_status_number]++;
	}
	l->request_body += tx->request_entity_len > 0 ? (uint64_t)tx->request_entity_len : 0;
	l->response_body += tx->response_entity_len > 0 ? (uint64_t)tx->response_entity_len : 0;
	if (l->out)
		httplog_line(c, tx);
}

static int httplog_on_start(htp_tx_t *tx)
{
	struct httplog_conn *c = htp_connp_get_user_data(tx->connp);

	c->open++;
	return HTP_OK;
}

static int httplog_on_headers(htp_tx_t *tx)
{
	struct httplog_conn *c = htp_connp_get_user_data(tx->connp);

	c->upgrade |= tx->request_headers && htp_table_get_c(tx->request_headers, "upgrade");
	return HTP_OK;
}

static int httplog_on_complete(htp_tx_t *tx)
{
	struct httplog_conn *c = htp_connp_get_user_data(tx->connp);

	c->open -= c->open > 0;
	c->log->transactions++;
	httplog_count(c, tx);
	return HTP_OK;
}

int httplog_init(struct httplog *l)
{
	l->cfg = htp_config_create();
	if (!l->cfg)
		return -ENOMEM;
	htp_config_set_server_personality(l->cfg, HTP_SERVER_GENERIC);
	htp_config_set_log_level(l->cfg, HTP_LOG_NONE);
	htp_config_set_response_decompression(l->cfg, 0); /* bodies are counted as they are on the wire */
	htp_config_set_tx_auto_destroy(l->cfg, 1);
	htp_config_set_parse_request_cookies(l->cfg, 0);
	htp_config_set_parse_request_auth(l->cfg, 0);
	htp_config_register_request_start(l->cfg, httplog_on_start);
	htp_config_register_request_headers(l->cfg, httplog_on_headers);
	htp_config_register_transaction_complete(l->cfg, httplog_on_complete);
	return 0;
}

void httplog_free(struct httplog *l)
{
	if (l->cfg)
		htp_config_destroy(l->cfg);
	l->cfg = NULL;
	idmap_free(&l->hosts);
}

int httplog_begin(struct httplog *l, struct httplog_conn *c, const struct fos_key *key, int client)
{
	c->log = l;
	c->key = key;
	c->client = client;
	c->open = 0;
	c->upgrade = false;
	c->connp = htp_connp_create(l->cfg);
	if (!c->connp)
		return -ENOMEM;
	htp_connp_set_user_data(c->connp, c);
	htp_connp_open(c->connp, NULL, 0, NULL, 0, NULL);
	return 0;
}

void httplog_end(struct httplog_conn *c)
{
	if (!c->connp)
		return;
	htp_connp_close(c->connp, NULL);
	htp_list_t *list = htp_connp_get_connection(c->connp)->transactions;
	for (size_t i = 0; i < htp_list_size(list); i++) {
		const htp_tx_t *tx = htp_list_get(list, i);
		if (!tx || (!tx->request_method && tx->response_status_number <= 0))
			continue; /* complete and gone, or never begun */
		c->log->incomplete++;
		httplog_count(c, tx);
	}
	htp_connp_destroy_all(c->connp);
	c->connp = NULL;
}

int httplog_merge(struct httplog *l, const struct httplog *o)
{
	int rc = 0;

	l->transactions += o->transactions;
	l->incomplete += o->incomplete;
	l->requests += o->requests;
	l->responses += o->responses;
	l->request_body += o->request_body;
	l->response_body += o->response_body;
	for (int i = 0; i < HTTPLOG_METHODS; i++)
		l->method[i] += o->method[i];
	for (int i = 0; i < HTTPLOG_STATUS; i++)
		l->status[i] += o->status[i];
	for (size_t i = 0; rc == 0 && i < o->hosts.size && l->hosts.used < HTTPLOG_HOSTS_MAX; i++) {
		uint64_t id = o->hosts.slot[i].id;

		if (id && !idmap_get(&l->hosts, id))
			rc = idmap_put(&l->hosts, id, l);
	}
	return rc;
}

void httplog_report(const struct httplog *l, struct fos_report *r)
{
	char code[16];

	fos_report_u64(r, "transactions", l->transactions);
	fos_report_u64(r, "incomplete", l->incomplete);
	fos_report_u64(r, "requests", l->requests);
	fos_report_u64(r, "responses", l->responses);
	fos_report_u64(r, "request_body_bytes", l->request_body);
	fos_report_u64(r, "response_body_bytes", l->response_body);
	fos_report_u64(r, "hosts", l->hosts.used);
	fos_report_begin(r, "methods");
	for (int i = 0; i < HTTPLOG_METHODS; i++) {
		if (l->method[i])
			fos_report_u64(r, httplog_methods[i], l->method[i]);
	}
	fos_report_end(r);
	fos_report_begin(r, "status");
	for (int i = 0; i < HTTPLOG_STATUS; i++) {
		snprintf(code, sizeof(code), "%d", i);
		if (l->status[i])
			fos_report_u64(r, code, l->status[i]);
	}
	fos_report_end(r);
}
