// SPDX-License-Identifier: Apache-2.0
// Sends and counts plain frames on an interface, for the demo and the end-to-end tests:
//   packets send IFACE --src A.B.C.D --count N [--rate PPS] [--proto udp|icmp|tcp] [--dport P]
//   packets send IFACE --src A.B.C.D --until FILE [--rate PPS] ...   goes on until there is such a file; prints how many
//   packets count IFACE --seconds S     prints how many IPv4 frames came in
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD 18 // a frame of 60 bytes, the smallest that a wire carries

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	uint8_t body[26]; // 8 of a UDP or ICMP header and PAYLOAD, or 20 of TCP
} __attribute__((packed));

struct wanted {
	const char *iface, *src, *proto, *until;
	unsigned long count, rate, dport, seconds;
};

static int complain(const char *what)
{
	fprintf(stderr, "packets: %s: %s\n", what, strerror(errno));
	return 1;
}

static int usage(void)
{
	fputs("usage: packets send IFACE --src A.B.C.D --count N|--until FILE [--rate PPS] "
	      "[--proto udp|icmp|tcp] [--dport P]\n"
	      "       packets count IFACE --seconds S\n",
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

static void sleep_until(int64_t due)
{
	int64_t left = due - now_ns();
	struct timespec pause = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};

	if (left > 0)
		nanosleep(&pause, NULL);
}

static int send_one(int fd, struct frame *frame, unsigned long i)
{
	frame->ip.id = htons((uint16_t)i);
	frame->ip.check = 0;
	frame->ip.check = checksum(&frame->ip, sizeof(frame->ip));
	while (send(fd, frame, sizeof(*frame), 0) < 0) {
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			return complain("send");
		usleep(100);
	}
	return 0;
}

static int run_send(const struct wanted *wanted)
{
	int64_t pause = wanted->rate ? (int64_t)(1000000000ul / wanted->rate) : 0;
	int64_t start = now_ns();
	unsigned long i = 0;
	struct frame frame;
	int fd;

	if (!wanted->src || frame_make(wanted, &frame))
		return usage();
	fd = open_iface(wanted->iface, 0);
	if (fd < 0)
		return complain(wanted->iface);
	for (; wanted->until ? access(wanted->until, F_OK) != 0 : i < wanted->count; i++) {
		// A number is sent as fast as was asked for, so what is late is made up for. Without an end nothing is:
		// a machine that stood still must not meet a rate limiter for it.
		sleep_until(start + (wanted->until ? 0 : (int64_t)i * pause));
		if (send_one(fd, &frame, i))
			return 1;
		if (wanted->until)
			start = now_ns() + pause;
	}
	close(fd);
	if (wanted->until)
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
	for (;;) {
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
		else if (!strcmp(name, "--until"))
			wanted.until = value;
		else if (!strcmp(name, "--proto"))
			wanted.proto = value;
		else if (!number || read_number(value, number))
			return usage();
	}
	if (!strcmp(argv[1], "send"))
		return run_send(&wanted);
	return !strcmp(argv[1], "count") ? run_count(&wanted) : usage();
}
