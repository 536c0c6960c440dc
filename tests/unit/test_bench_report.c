/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_report.c: the HTML report is well-formed, escapes what comes from outside, loads nothing, and says what
 * the result says.
 */
#include "html_report.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "html_report_out.h"
#include "test_bench_fixture.h"

static char *html(const struct bench_result *r)
{
	char *text = fixture_text(bench_html_write, r);

	assert_non_null(text);
	return text;
}

static bool is_void(const char *name)
{
	static const char *const names[] = { "meta", "br", "!DOCTYPE" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Every element that is opened is closed, in order. A '>' in an attribute's quotes ends no tag. */
static void assert_balanced(const char *s)
{
	char open[128][24], name[24];
	size_t depth = 0, n;

	while ((s = strchr(s, '<'))) {
		bool close = *++s == '/', self;
		char quote = 0;

		s += close;
		for (n = 0; (isalnum((unsigned char)*s) || *s == '!') && n < sizeof(name) - 1; s++)
			name[n++] = *s;
		name[n] = '\0';
		assert_true(n > 0);
		for (; *s && (quote || *s != '>'); s++) {
			if (quote ? *s == quote : *s == '"' || *s == '\'')
				quote = quote ? 0 : *s;
			assert_true(quote || *s != '<');
		}
		assert_int_equal(*s, '>');
		self = s[-1] == '/';
		if (close) {
			assert_true(depth > 0);
			assert_string_equal(open[--depth], name);
		} else if (!self && !is_void(name)) {
			assert_true(depth < 128);
			strcpy(open[depth++], name);
			if (strcmp(name, "style") == 0)
				s = strstr(s, "</style>") - 1;
		}
	}
	assert_int_equal(depth, 0);
}

/* Everything that can be in a result, each text with markup in it. */
static struct bench_result *hostile(void)
{
	struct bench_result *r = fixture_result();
	struct bench_run *run = fixture_run(r, 1000, 0.2);
	const double peer[] = { 0.3, 0.31, 0.29 };
	json_t *list = json_array(), *deep = json_object();

	for (int i = 0; i < 60; i++)
		json_array_append_new(list, json_integer(i));
	for (int i = 0; i < 30; i++)
		deep = json_pack("{s:o}", "<deep>", deep);
	bench_pairs_set_text(&r->impair, "reorder", "<script>alert(1)</script>");
	bench_pairs_set_text(&run->axes, "<axis>", "\"><img src=x>");
	bench_run_drop(run, "<drop>", 5);
	bench_run_peer(run, "<peer>", peer, 3, 0, 1);
	bench_run_module(run, "<module>",
	                 json_pack("{s:s,s:o,s:o,s:b,s:n,s:f,s:I}", "<key>", "<value>", "list", list, "deep", deep, "b",
	                           1, "null", "real", 1.5, "negative", (json_int_t)-4));
	run->latency_ns = run->service_ns;
	run->partial = true;
	bench_text_set(&run->partial_reason, "<reason>");
	run = fixture_run(r, 10, 0.1);
	bench_pairs_set_text(&run->axes, "<axis>", "b");
	bench_text_set(&bench_result_run(r)->error, "<error>");
	bench_text_set(&r->machine.cpu, "<cpu>");
	return r;
}

static void test_hostile(void **state)
{
	static const char *const never[] = { "<x>",     "<script", "<axis",    "<img",  "<drop",  "<peer",
		                             "<module", "<key",    "<value",   "<deep", "<error", "<reason",
		                             "<cpu",    "\xff",    "http://x", "<link" };
	struct bench_result *r = hostile();
	char *text = html(r);

	(void)state;
	assert_balanced(text);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (strstr(text, never[i]))
			fail_msg("\"%s\" is not escaped", never[i]);
	}
	assert_non_null(strstr(text, "a&lt;x&gt;&amp;&quot;`id`&#39;\xef\xbf\xbd{}_^.pcap"));
	assert_non_null(strstr(text, "and 10 more"));
	free(text);
	bench_result_free(r);
}

static void test_python_agrees(void **state)
{
	static const char program[] =
	    "import sys\nfrom html.parser import HTMLParser\n"
	    "class P(HTMLParser):\n"
	    "    def __init__(self):\n        super().__init__(); self.stack = []; self.ids = set(); self.bad = []\n"
	    "    def handle_starttag(self, tag, attrs):\n"
	    "        a = dict(attrs)\n"
	    "        for k in ('src', 'srcset', 'data', 'href', 'xlink:href', 'action'):\n"
	    "            if k in a and not a[k].startswith('#'): self.bad.append((tag, k, a[k]))\n"
	    "        if 'id' in a:\n            if a['id'] in self.ids: self.bad.append(('twice', a['id']))\n"
	    "            self.ids.add(a['id'])\n"
	    "        if tag not in ('meta', 'br'): self.stack.append(tag)\n"
	    "    def handle_startendtag(self, tag, attrs):\n"
	    "        self.handle_starttag(tag, attrs); self.stack.pop()\n"
	    "    def handle_endtag(self, tag):\n"
	    "        if not self.stack or self.stack.pop() != tag: self.bad.append(('end', tag))\n"
	    "p = P(); p.feed(open(sys.argv[1], encoding='utf-8').read())\n"
	    "print(p.bad, p.stack) if p.bad or p.stack else None\nsys.exit(bool(p.bad or p.stack))\n";
	char path[] = "/tmp/test_bench_report.XXXXXX.html", script[] = "/tmp/test_bench_report.XXXXXX.py", command[512];
	struct bench_result *r = hostile();
	FILE *f;

	(void)state;
	close(mkstemps(path, 5));
	assert_int_equal(bench_html_save(r, path, command, sizeof(command)), 0);
	f = fdopen(mkstemps(script, 3), "w");
	fputs(program, f);
	fclose(f);
	snprintf(command, sizeof(command), "command -v python3 >/dev/null || exit 0; python3 %s %s", script, path);
	assert_int_equal(system(command), 0);
	unlink(path);
	unlink(script);
	bench_result_free(r);
}

static void test_says(void **state)
{
	struct bench_result *r = fixture_result();
	char *text;

	(void)state;
	fixture_run(r, 10, 0.1);
	text = html(r);
	assert_non_null(strstr(text, "class=\"verdict good\""));
	assert_non_null(strstr(text, "<b>Holds</b>: all 20 streams"));
	assert_non_null(strstr(text, "--reorder 5%,depth=32 --seed 42"));
	assert_non_null(strstr(text, "prefers-color-scheme:dark"));
	assert_null(strstr(text, "<h2>Peers"));
	assert_null(strstr(text, "<h2>Modules"));
	assert_null(strstr(text, "latency p50"));
	free(text);
	r->runs[0].streams.differ = 1;
	text = html(r);
	assert_non_null(strstr(text, "class=\"verdict bad\""));
	assert_non_null(strstr(text, ">DIFFER</td>"));
	free(text);
	bench_result_free(r);
}

static void test_without_gnuplot(void **state)
{
	struct bench_result *r = fixture_result();
	char *path = strdup(getenv("PATH")), *text;

	(void)state;
	fixture_run(r, 10, 0.1);
	setenv("PATH", "/nonexistent", 1);
	text = html(r);
	setenv("PATH", path, 1);
	assert_balanced(text);
	assert_non_null(strstr(text, "No plot: gnuplot is not installed"));
	free(text);
	free(path);
	bench_result_free(r);
}

static void test_empty(void **state)
{
	struct bench_result *r = bench_result_create();
	char *text = html(r);

	(void)state;
	assert_balanced(text);
	assert_non_null(strstr(text, "Nothing was run."));
	free(text);
	bench_result_run(r);
	text = html(r);
	assert_balanced(text);
	free(text);
	bench_result_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_python_agrees),   cmocka_unit_test(test_says),
		cmocka_unit_test(test_empty),   cmocka_unit_test(test_without_gnuplot),
	};

	return cmocka_run_group_tests_name("bench_report", tests, NULL, NULL);
}
