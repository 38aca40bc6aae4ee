// SPDX-License-Identifier: Apache-2.0
// Sends and counts plain frames on an interface, for the demo and the end-to-end tests:
//   packets send IFACE --src A.B.C.D --count N [--rate PPS] [--proto udp|icmp|tcp] [--dport P]
//                                       SIGTERM ends it, and it prints how many it has sent
//   packets count IFACE --seconds S [--count N]
//                                       prints "listening", then how many IPv4 frames came in; ends with the Nth
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LATE_NS 20000000
#define PAYLOAD 18 // a frame of 60 bytes, the smallest that a wire carries

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	uint8_t body[26]; // 8 of a UDP or ICMP header and PAYLOAD, or 20 of TCP
} __attribute__((packed));

struct wanted {
	const char *iface, *src, *proto;
	unsigned long count, rate, dport, seconds;
};

static int complain(const char *what)
{
	fprintf(stderr, "packets: %s: %s\n", what, strerror(errno));
	return 1;
}

static int usage(void)
{
	fputs("usage: packets send IFACE --src A.B.C.D --count N [--rate PPS] [--proto "
	      "udp|icmp|tcp] "
	      "[--dport P]\n"
	      "       packets count IFACE --seconds S [--count N]\n",
	      stderr);
	return 2;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *at = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	return htons((uint16_t)~sum);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static int frame_make(const struct wanted *wanted, struct frame *frame)
{
	memset(frame, 0, sizeof(*frame));
	memset(frame->eth.h_dest, 0xff, ETH_ALEN);
	frame->eth.h_source[0] = 0x02;
	frame->eth.h_proto = htons(ETH_P_IP);
	frame->ip.version = 4;
	frame->ip.ihl = 5;
	frame->ip.ttl = 64;
	frame->ip.tot_len = htons(sizeof(frame->ip) + sizeof(frame->body));
	if (inet_pton(AF_INET, wanted->src, &frame->ip.saddr) != 1)
		return -1;
	frame->ip.daddr = htonl(0xc6336401); // 198.51.100.1, for documentation
	if (!strcmp(wanted->proto, "udp")) {
		frame->ip.protocol = IPPROTO_UDP;
		put16(frame->body + 4, 8 + PAYLOAD); // no checksum: allowed on IPv4
	} else if (!strcmp(wanted->proto, "tcp")) {
		frame->ip.protocol = IPPROTO_TCP;
		frame->body[12] = 5 << 4;
		frame->body[13] = 0x02; // SYN
	} else if (!strcmp(wanted->proto, "icmp")) {
		frame->ip.protocol = IPPROTO_ICMP;
		frame->body[0] = 8; // echo request
		frame->body[2] = 0xf7;
		frame->body[3] = 0xff;
	} else {
		return -1;
	}
	if (frame->ip.protocol != IPPROTO_ICMP) {
		put16(frame->body, 40000);
		put16(frame->body + 2, (uint16_t)wanted->dport);
	}
	frame->ip.check = checksum(&frame->ip, sizeof(frame->ip));
	return 0;
}

static int open_iface(const char *iface, int protocol)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
				      .sll_protocol = htons((uint16_t)protocol),
				      .sll_ifindex = (int)if_nametoindex(iface)};
	int fd;

	if (!address.sll_ifindex)
		return -1;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons((uint16_t)protocol));
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

// ---- whether they have arrived ----

// What the kernel has sent out of an interface; where the peer of a veth runs XDP, that is what the peer has taken in.
static uint64_t sent_by(const char *iface)
{
	FILE *table = fopen("/proc/net/dev", "r");
	const size_t len = strlen(iface);
	uint64_t packets = 0;
	char line[512];

	while (table && fgets(line, sizeof(line), table)) {
		const char *name = line + strspn(line, " ");

		if (!strncmp(name, iface, len) && name[len] == ':')
			sscanf(name + len + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64,
			       &packets);
	}
	if (table)
		fclose(table);
	return packets;
}

// Frames that wait for a processor to take them in.
static bool frames_wait(void)
{
	FILE *stats = fopen("/proc/net/softnet_stat", "r");
	unsigned waiting = 0;
	char line[512];

	while (stats && fgets(line, sizeof(line), stats)) {
		unsigned here = 0;

		if (sscanf(line, "%*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %x", &here) == 1)
			waiting |= here;
	}
	if (stats)
		fclose(stats);
	return waiting;
}

// On a busy machine the thread that takes frames in has to wait for its turn as others do. Until all have been taken in, or
// nothing has happened for three seconds.
static void await_arrival(const char *iface, uint64_t total)
{
	uint64_t before = 0;

	for (int still = 0; still < 300; still++) {
		const uint64_t now = sent_by(iface);

		if (now >= total && !frames_wait())
			break;
		if (now != before)
			still = 0;
		before = now;
		usleep(10000);
	}
	usleep(5000); // the last one
}

// ---- sending ----

static volatile sig_atomic_t over;

static void end(int number)
{
	(void)number;
	over = 1;
}

static int run_send(const struct wanted *wanted)
{
	struct frame frame;
	int64_t start = now_ns();
	const uint64_t before = sent_by(wanted->iface);
	unsigned long i;
	int fd;

	if (!wanted->src || frame_make(wanted, &frame))
		return usage();
	fd = open_iface(wanted->iface, 0);
	if (fd < 0)
		return complain(wanted->iface);
	signal(SIGTERM, end);
	for (i = 0; i < wanted->count && !over; i++) {
		int64_t due =
			wanted->rate ? start + (int64_t)(i * 1000000000ul / wanted->rate) : start;
		struct timespec pause = {.tv_nsec = 0};

		// What others on this machine cost is not made up for by a burst, which a limit of packets a second would feel.
		if (wanted->rate && now_ns() - due > LATE_NS) {
			start += now_ns() - due;
			due = now_ns();
		}
		if (due > now_ns()) {
			pause.tv_sec = (due - now_ns()) / 1000000000;
			pause.tv_nsec = (due - now_ns()) % 1000000000;
			if (pause.tv_nsec > 0)
				nanosleep(&pause, NULL);
		}
		frame.ip.id = htons((uint16_t)i);
		frame.ip.check = 0;
		frame.ip.check = checksum(&frame.ip, sizeof(frame.ip));
		while (send(fd, &frame, sizeof(frame), 0) < 0) {
			if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
				return complain("send");
			usleep(100);
		}
	}
	close(fd);
	await_arrival(wanted->iface, before + i);
	if (over)
		printf("%lu\n", i);
	return 0;
}

static int run_count(const struct wanted *wanted)
{
	int64_t end = now_ns() + (int64_t)wanted->seconds * 1000000000;
	unsigned long count = 0;
	int fd = open_iface(wanted->iface, ETH_P_IP);

	if (fd < 0)
		return complain(wanted->iface);
	puts("listening");
	fflush(stdout);
	while (count < wanted->count) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int64_t left = end - now_ns();
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		char byte[1];

		if (left <= 0 || poll(&wait, 1, (int)(left / 1000000 + 1)) < 0)
			break;
		if (!(wait.revents & POLLIN) || recvfrom(fd, byte, 1, MSG_TRUNC | MSG_DONTWAIT,
							 (struct sockaddr *)&from, &from_len) < 0)
			continue;
		// What this interface sends itself is not what came in.
		if (from.sll_pkttype != PACKET_OUTGOING)
			count++;
	}
	close(fd);
	printf("%lu\n", count);
	return 0;
}

static int read_number(const char *text, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct wanted wanted = {.proto = "udp", .count = 1, .dport = 53, .seconds = 1};

	if (argc < 3)
		return usage();
	if (!strcmp(argv[1], "count"))
		wanted.count = ULONG_MAX;
	wanted.iface = argv[2];
	for (int i = 3; i < argc; i += 2) {
		const char *name = argv[i], *value = argv[i + 1];
		unsigned long *number = !strcmp(name, "--count")     ? &wanted.count
					: !strcmp(name, "--rate")    ? &wanted.rate
					: !strcmp(name, "--dport")   ? &wanted.dport
					: !strcmp(name, "--seconds") ? &wanted.seconds
								     : NULL;

		if (!value)
			return usage();
		if (!strcmp(name, "--src"))
			wanted.src = value;
		else if (!strcmp(name, "--proto"))
			wanted.proto = value;
		else if (!number || read_number(value, number))
			return usage();
	}
	if (!strcmp(argv[1], "send"))
		return run_send(&wanted);
	return !strcmp(argv[1], "count") ? run_count(&wanted) : usage();
}
