// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool shape_is_right(const char *text)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";

	if (strlen(text) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
			return false;
	return true;
}

int clock_parse(const char *text, int64_t *seconds, struct fault *why)
{
	char again[CLOCK_TEXT_LEN];
	struct tm tm = {0};

	// 0000-00-00 is what clock_write() puts where there is no date, and would come back as it was written.
	if (!shape_is_right(text) || !strncmp(text + 5, "00", 2) ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return fault_set(why, FAULT_FORMAT, "\"%.32s\" is not a time YYYY-MM-DDTHH:MM:SSZ",
				 text);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*seconds = (int64_t)timegm(&tm);
	// timegm() mends February 30; a date that does not come back as it was written does not exist.
	clock_write(*seconds, again);
	if (strcmp(again, text))
		return fault_set(why, FAULT_FORMAT, "\"%s\" is not a date that exists", text);
	return 0;
}

void clock_write(int64_t seconds, char text[static CLOCK_TEXT_LEN])
{
	time_t when = (time_t)seconds;
	struct tm tm = {0};

	if (!gmtime_r(&when, &tm) || tm.tm_year > 9999 - 1900 || tm.tm_year < -1900)
		memcpy(text, "0000-00-00T00:00:00Z", CLOCK_TEXT_LEN);
	else
		strftime(text, CLOCK_TEXT_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
