/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_golden_engine.c: commands as engines under test: what they are given, what they may write, and what
 * becomes of those that fail.
 */
#include "golden_engine.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "golden_capture.h"

#define HEX64 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define LINE  "tcp 1.1.1.1:1 > 2.2.2.2:2 #0 bytes=0 sha256=" HEX64 " gaps=- end=fin"

static char dir[] = "/tmp/flowos test's-XXXXXX";
static uint8_t payload[64];
static struct fos_frame frame[3];

static struct fos_frames frames_of(size_t n)
{
	for (size_t i = 0; i < 3; i++)
		frame[i] = (struct fos_frame){ .data = payload,
			                       .ext = payload + 40,
			                       .len = 40,
			                       .ext_len = i == 1 ? 24 : 0,
			                       .wire_len = 100,
			                       .linktype = 1,
			                       .ts_ns = (i + 1) * UINT64_C(1000001000) };
	return (struct fos_frames){ .v = frame, .n = n };
}

static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = -2;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Runs the command; where it ends well, *out has its lines. */
static int lines_of(const char *command, struct bench_golden *out, char *err, size_t errlen)
{
	struct golden_engine e = { .trace = "x y.pcap", .limit_ns = 20000000000 };
	struct fos_frames f = frames_of(3);
	struct fos_impair_spec spec = { .seed = 5 };
	int rc;

	err[0] = '\0';
	assert_int_equal(golden_engine_set(&e, command, err, errlen), 0);
	rc = golden_engine_lines(&e, NULL, &spec, &f, out, err, errlen);
	assert_int_equal(entries(dir), 0); /* nothing is left */
	if (rc) {
		assert_true(strlen(err) > 10);
		assert_null(strchr(err, '\n'));
		assert_int_equal(out->lines, 0);
	}
	return rc;
}

static void refused(const char *command, int rc, const char *says)
{
	struct bench_golden out;
	char err[512];

	assert_int_equal(lines_of(command, &out, err, sizeof(err)), rc);
	if (!strstr(err, says))
		fail_msg("\"%s\" does not say \"%s\"", err, says);
}

static void test_set(void **state)
{
	struct golden_engine e = { 0 };
	char err[256];

	(void)state;
	assert_int_equal(golden_engine_set(&e, "cat", err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "{}"));
	assert_null(e.command);
	assert_int_equal(golden_engine_set_lacks(&e, "udp,gaps-stop", err, sizeof(err)), 0);
	assert_int_equal(e.lacks, GOLDEN_LACKS_UDP | GOLDEN_LACKS_BEHIND);
	assert_int_equal(golden_engine_set_lacks(&e, "udp,", err, sizeof(err)), -EINVAL);
	assert_int_equal(golden_engine_set_lacks(&e, "gap", err, sizeof(err)), -EINVAL);
	assert_int_equal(golden_engine_set_timeout(&e, "1500ms", err, sizeof(err)), 0);
	assert_int_equal(e.limit_ns, 1500000000);
	assert_int_equal(golden_engine_set_timeout(&e, "5", err, sizeof(err)), -EINVAL);
	assert_int_equal(golden_engine_set_timeout(&e, "0s", err, sizeof(err)), -EINVAL);
}

/* Its capture is a pcap file whose path, which has blanks and a quote, reaches it as one word, as often as it wants it. */
static void test_given(void **state)
{
	struct bench_golden out;
	char err[512];

	(void)state;
	assert_int_equal(
	    lines_of("test -s {} && test {} = {} && head -c4 {} | od -An -tx1 | grep -q 'd4 c3 b2 a1' && "
	             "test \"$(wc -c <{})\" -eq $((24 + 3 * 16 + 40 + 64 + 40)) && test \"$FLOWOS_SEED\" = 5 && "
	             "test \"$FLOWOS_TRACE\" = 'x y.pcap' && echo >\"$TMPDIR/left\" && echo '" LINE "'",
	             &out, err, sizeof(err)),
	    0);
	assert_int_equal(out.lines, 1);
	assert_string_equal(out.line[0], LINE);
	bench_golden_free(&out);
}

static void test_none(void **state)
{
	struct bench_golden out;
	char err[512];

	(void)state;
	assert_int_equal(lines_of(": {}", &out, err, sizeof(err)), 0);
	assert_int_equal(out.lines, 0);
	bench_golden_free(&out);
}

static void test_failures(void **state)
{
	struct golden_engine e = { .command = "sleep 100; : {}", .limit_ns = 100000000 };
	struct fos_frames f = frames_of(3);
	struct bench_golden out;
	char err[512];

	(void)state;
	refused("echo one >&2; echo this is wrong >&2; exit 4; : {}", -EIO, "status 4: this is wrong");
	refused("no-such-engine {}", -EIO, "status 127");
	refused("kill -SEGV $$; : {}", GOLDEN_ENGINE_DIED, "signal 11");
	refused("sh -c 'kill -ABRT $$'; exit $?; : {}", GOLDEN_ENGINE_DIED, "signal 6");
	refused("cat /dev/zero; : {}", -EIO, "MiB");
	refused("head -c 100 /dev/zero; : {}", -EIO, "line 1: has a zero byte");
	refused("cat {}", -EIO, "line 1: ");
	refused("echo '" LINE "'; echo; echo hello; : {}", -EIO, "line 3: is neither");
	assert_int_equal(golden_engine_lines(&e, NULL, NULL, &f, &out, err, sizeof(err)), GOLDEN_ENGINE_DIED);
	assert_non_null(strstr(err, "within 0.1 s"));
	assert_int_equal(entries(dir), 0);
}

static void bad(const char *line, const char *says)
{
	struct bench_golden out;
	char err[256] = "", *text = strdup(line);

	if (golden_engine_read(text, strlen(line), &out, err, sizeof(err)) != -EINVAL)
		fail_msg("taken for a stream: \"%s\"", line);
	if (!strstr(err, says) || strncmp(err, "line 1: ", 8) != 0)
		fail_msg("\"%s\" does not say \"%s\"", err, says);
	free(text);
}

#define TCP "tcp 1.1.1.1:1 > 2.2.2.2:2 "
#define SUM " sha256=" HEX64

static void test_bad_lines(void **state)
{
	(void)state;
	bad("tcp 1.1.1:1 > 2.2.2.2:2 #0 bytes=0" SUM, "ADDR:PORT");
	bad("tcp 1.1.1.1:70000 > 2.2.2.2:2 #0 bytes=0" SUM, "ADDR:PORT");
	bad("tcp ::1:5 > [::2]:2 #0 bytes=0" SUM, "ADDR:PORT");
	bad("tcp [::1:5 > [::2]:2 #0 bytes=0" SUM, "ADDR:PORT");
	bad("tcp 1.1.1.1:1 2.2.2.2:2 #0 bytes=0" SUM, "ADDR:PORT");
	bad(TCP "bytes=0" SUM, "#K");
	bad(TCP "#x bytes=0" SUM, "#K");
	bad(TCP "#0 bytes=-1" SUM, "take a number");
	bad(TCP "#0 bytes=99999999999999999999" SUM, "take a number");
	bad(TCP "#0 bytes=0", "lacks");
	bad(TCP "#0" SUM, "lacks");
	bad(TCP "#0 bytes=0 sha256=abc", "64 digits");
	bad(TCP "#0 bytes=0" SUM "0", "64 digits");
	bad(TCP "#0" SUM " bytes=0", "order");
	bad(TCP "#0 bytes=0 bytes=0" SUM, "order");
	bad(TCP "#0 bytes=0" SUM " gaps=5", "OFF+LEN");
	bad(TCP "#0 bytes=0" SUM " gaps=5+1,", "OFF+LEN");
	bad(TCP "#0 bytes=0" SUM " gaps=", "OFF+LEN");
	bad(TCP "#0 bytes=0" SUM " end=maybe", "fin, rst");
	bad(TCP "#0 bytes=0" SUM " start=syn", "mid");
	bad(TCP "#0 bytes=0" SUM " colour=red", "unknown word");
	bad(TCP "#0 datagrams=1 bytes=0" SUM, "unknown word");
	bad("udp 1.1.1.1:1 > 2.2.2.2:2 bytes=0" SUM, "lacks");
	bad("udp 1.1.1.1:1 > 2.2.2.2:2 #0 datagrams=1 bytes=0" SUM, "unknown word");
	bad("tcp", "ADDR:PORT");
	bad("\x1b[1m", "is neither");
}

static void test_good_lines(void **state)
{
	char text[] =
	    "# made by hand\n"
	    "# gaps: stop\n"
	    "# udp: no\r\n"
	    "\n"
	    "udp 1.1.1.1:1 > 2.2.2.2:2 datagrams=1 bytes=0" SUM "\n"
	    "tcp [2001:0DB8:0::0001]:0443 > [::ffff]:2 #1 bytes=7" SUM " gaps=0+3,5+1\r\n" TCP "#0 bytes=0" SUM;
	struct golden_engine e = { .lacks = GOLDEN_LACKS_MID };
	struct bench_golden out;
	char err[256];

	(void)state;
	assert_int_equal(golden_engine_read(text, sizeof(text) - 1, &out, err, sizeof(err)), 0);
	assert_int_equal(out.lines, 3);
	assert_string_equal(out.line[0], TCP "#0 bytes=0" SUM);
	assert_string_equal(out.line[1], "tcp [2001:db8::1]:443 > [::ffff]:2 #1 bytes=7" SUM " gaps=0+3,5+1");
	assert_int_equal(golden_engine_lacks(&e, &out), GOLDEN_LACKS_MID | GOLDEN_LACKS_BEHIND | GOLDEN_LACKS_UDP);
	bench_golden_free(&out);
}

static void test_forms(void **state)
{
	struct fos_frames f = frames_of(3), none = frames_of(0);

	(void)state;
	assert_int_equal(golden_capture_form(&none), GOLDEN_CAPTURE_PCAP);
	assert_int_equal(golden_capture_form(&f), GOLDEN_CAPTURE_PCAP);
	frame[2].ts_ns++;
	assert_int_equal(golden_capture_form(&f), GOLDEN_CAPTURE_PCAP_NS);
	frame[2].linktype = 101;
	assert_int_equal(golden_capture_form(&f), GOLDEN_CAPTURE_PCAPNG);
	f = frames_of(3);
	frame[0].ts_ns = UINT64_C(5000000000) * 1000000000;
	assert_int_equal(golden_capture_form(&f), GOLDEN_CAPTURE_PCAPNG);
	assert_int_equal(golden_capture_write("/no/such/folder/x.pcap", &f), -ENOENT);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? setenv("TMPDIR", dir, 1) : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),      cmocka_unit_test(test_given),     cmocka_unit_test(test_none),
		cmocka_unit_test(test_failures), cmocka_unit_test(test_bad_lines), cmocka_unit_test(test_good_lines),
		cmocka_unit_test(test_forms),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
