/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mb_answer.c: the control protocol: questions, good and bad, and what is answered.
 */
#include "mb_box_fixture.h"

#include "mb_answer.h"

static struct box_fixture *fixture;

static int setup(void **state)
{
	(void)state;
	fixture = box_open(FLOWOS_TRACES "/mixed.pcap", 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	box_close(fixture);
	return 0;
}

/* Asks; the answer is one line of JSON that says whether it is one. */
static json_t *ask_bytes(const char *line, size_t len)
{
	char *text = mb_answer(&fixture->box, line, len);
	json_t *answer;

	assert_non_null(text);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	answer = json_loads(text, 0, NULL);
	assert_true(json_is_object(answer));
	assert_string_equal(json_string_value(json_object_get(answer, "flowos")), FLOWOS_VERSION);
	assert_true(json_is_boolean(json_object_get(answer, "ok")));
	free(text);
	return answer;
}

/* The result of a good question; to be freed. */
static json_t *ask(const char *line)
{
	json_t *answer = ask_bytes(line, strlen(line)), *result;

	if (!json_is_true(json_object_get(answer, "ok")))
		fail_msg("%s: %s", line, json_string_value(json_object_get(answer, "error")));
	result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return result;
}

static void refused(const char *line, const char *says)
{
	json_t *answer = ask_bytes(line, strlen(line));
	const char *error = json_string_value(json_object_get(answer, "error"));

	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_null(json_object_get(answer, "result"));
	assert_non_null(error);
	if (!strstr(error, says))
		fail_msg("%s: %s", line, error);
	json_decref(answer);
}

static void test_refusals(void **state)
{
	static const char binary[] = { '{', 0, (char)0xff, '}' };
	char deep[3000];

	(void)state;
	refused("", "no JSON");
	refused("{", "no JSON");
	refused("hello", "no JSON");
	refused("[]", "a question is");
	refused("{}", "a question is");
	refused("{\"command\":5}", "a question is");
	refused("{\"command\":\"burn\"}", "no such command");
	refused("{\"command\":\"stats\",\"command\":\"help\"}", "no JSON");
	for (const char *const *c = (const char *const[]){ "attach", "detach", "migrate", "msg", "top", NULL }; *c;
	     c++) {
		char line[64];

		snprintf(line, sizeof(line), "{\"command\":\"%s\"}", *c);
		refused(line, "not built yet");
	}
	refused("{\"command\":\"sessions\",\"max\":0}", "max");
	refused("{\"command\":\"sessions\",\"max\":1001}", "max");
	refused("{\"command\":\"sessions\",\"max\":\"5\"}", "max");
	refused("{\"command\":\"sessions\",\"port\":70000}", "port");
	refused("{\"command\":\"sessions\",\"host\":\"here\"}", "host: an IPv4 or IPv6 address is needed");
	refused("{\"command\":\"sessions\",\"protocol\":\"sctp\"}", "protocol");
	refused("{\"command\":\"sessions\",\"from\":\"x\"}", "from");
	refused("{\"command\":\"sessions\",\"colour\":\"red\"}", "colour");
	json_decref(ask_bytes(binary, sizeof(binary)));
	memset(deep, '[', sizeof(deep));
	json_decref(ask_bytes(deep, sizeof(deep)));
}

static void test_plain(void **state)
{
	json_t *r = ask("{\"command\":\"version\"}"), *answer;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(r, "version")), FLOWOS_VERSION);
	json_decref(r);
	r = ask("{\"command\":\"help\"}");
	assert_int_equal(json_object_size(r), 5);
	json_decref(r);
	r = ask("{\"command\":\"flows\"}");
	assert_true(json_is_true(json_object_get(r, "complete")));
	assert_int_equal(json_array_size(json_object_get(r, "flows")), 1);
	json_decref(r);
	answer = ask_bytes("{\"command\":\"version\",\"id\":[7]}", 30);
	assert_true(json_is_array(json_object_get(answer, "id")));
	json_decref(answer);
}

static void test_stats(void **state)
{
	json_t *r = ask("{\"command\":\"stats\"}"), *engine = json_object_get(r, "engine");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(engine, "packets")), 20 * FOS_BATCH_MAX);
	assert_true(json_integer_value(json_object_get(engine, "sessions_now")) > 10);
	assert_int_equal(json_array_size(json_object_get(r, "ports")), 1);
	json_decref(r);
}

/* All pages together hold each session once, whatever their size. */
static void test_pages(void **state)
{
	json_t *all = ask("{\"command\":\"sessions\",\"max\":1000}"), *list = json_object_get(all, "sessions");
	size_t n = json_array_size(list);

	(void)state;
	assert_true(n > 10);
	assert_true(json_is_null(json_object_get(all, "next")));
	for (int max = 1; max <= 7; max += 3) {
		char line[128], from[64] = "";
		size_t seen = 0;

		for (;;) {
			json_t *r;
			const char *next;

			snprintf(line, sizeof(line), "{\"command\":\"sessions\",\"max\":%d%s}", max, from);
			r = ask(line);
			json_t *page = json_object_get(r, "sessions"), *one;
			size_t i;

			assert_true(json_array_size(page) <= (size_t)max);
			json_array_foreach(page, i, one) assert_true(json_equal(one, json_array_get(list, seen++)));
			next = json_string_value(json_object_get(r, "next"));
			snprintf(from, sizeof(from), ",\"from\":\"%s\"", next ? next : "");
			json_decref(r);
			if (!next)
				break;
		}
		assert_int_equal(seen, n);
	}
	json_decref(all);
	all = ask("{\"command\":\"sessions\",\"from\":\"9.1\"}");
	assert_int_equal(json_array_size(json_object_get(all, "sessions")), 0);
	json_decref(all);
	all = ask("{\"command\":\"sessions\",\"from\":\"0.4294967295\"}");
	assert_int_equal(json_array_size(json_object_get(all, "sessions")), 0);
	json_decref(all);
}

/* Every filter finds what it names, and nothing else. */
static void test_filters(void **state)
{
	json_t *all = ask("{\"command\":\"sessions\",\"max\":1000}"), *list = json_object_get(all, "sessions"), *s;
	size_t i, want = 0;
	char host[64], port[16], line[256];
	const char *to = json_string_value(json_object_get(json_array_get(list, 0), "to"));

	(void)state;
	snprintf(host, sizeof(host), "%.*s", (int)(strrchr(to, ':') - to), to);
	snprintf(port, sizeof(port), "%s", strrchr(to, ':') + 1);
	assert_true(host[0] != '[');
	json_array_foreach(list, i, s)
	{
		const char *t = json_string_value(json_object_get(s, "to")),
		           *f = json_string_value(json_object_get(s, "from"));
		const char *end = strrchr(t, ':');
		bool ours = strncmp(t, host, strlen(host)) == 0 || strncmp(f, host, strlen(host)) == 0;

		want += ours && (strcmp(end + 1, port) == 0 || strcmp(strrchr(f, ':') + 1, port) == 0);
	}
	snprintf(line, sizeof(line),
	         "{\"command\":\"sessions\",\"max\":1000,\"host\":\"%s\",\"port\":%s,\"protocol\":\"tcp\"}", host,
	         port);
	s = ask(line);
	assert_int_equal(json_array_size(json_object_get(s, "sessions")), want);
	json_decref(s);
	s = ask("{\"command\":\"sessions\",\"protocol\":\"udp\"}");
	assert_int_equal(json_array_size(json_object_get(s, "sessions")), 0);
	json_decref(s);
	s = ask("{\"command\":\"sessions\",\"max\":1000,\"flow\":\"all\"}");
	assert_int_equal(json_array_size(json_object_get(s, "sessions")), json_array_size(list));
	json_decref(s);
	refused("{\"command\":\"sessions\",\"flow\":\"none\"}", "no flow none");
	json_decref(all);
}

static bool fin(const json_t *session, const char *direction)
{
	return json_is_true(json_object_get(json_object_get(session, direction), "fin"));
}

static void test_states(void **state)
{
	json_t *all = ask("{\"command\":\"sessions\",\"max\":1000}"), *s;
	size_t i, closed = 0, open = 0;

	(void)state;
	json_array_foreach(json_object_get(all, "sessions"), i, s)
	{
		const char *is = json_string_value(json_object_get(s, "state"));
		bool both = fin(s, "forward") && fin(s, "back");

		assert_int_equal(strcmp(is, "closed") == 0, both);
		closed += both;
		open += strcmp(is, "open") == 0;
	}
	assert_true(closed > 0);
	assert_true(open > 0);
	json_decref(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_plain),   cmocka_unit_test(test_stats),
		cmocka_unit_test(test_pages),    cmocka_unit_test(test_filters), cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
