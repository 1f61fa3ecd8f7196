// SPDX-License-Identifier: GPL-2.0-only
/* delay: widen the windows for races of the kernel's caches. */
#include <string.h>

#include "base/num.h"
#include "command/handlers.h"
#include "control/session.h"
#include "host/delay.h"
#include "keeper/keeper.h"

static int delays_json(struct request *rq)
{
	struct keeper *k = rq->s->keeper;
	struct json *j = &rq->reply;
	uint32_t us[DELAYS], hits[DELAYS];

	for (enum delay i = 0; i < DELAYS; i++)
		if (keeper_delay_get(k, i, &us[i], &hits[i], &rq->err))
			return -1;
	json_array(j, "delays");
	for (enum delay i = 0; i < DELAYS; i++) {
		json_object(j, NULL);
		json_str(j, "name", delay_name(i));
		json_num(j, "us", us[i]);
		json_num(j, "hits", hits[i]);
		json_object_end(j);
	}
	json_array_end(j);
	return 0;
}

/* Get the range of delays that a word selects: [*from, *to). */
static int parse_which(const char *word, enum delay *from, enum delay *to,
		       struct err *e)
{
	*from = DELAY_REFRESH;
	*to = DELAYS;
	if (!strcmp(word, "all"))
		return 0;
	for (enum delay i = 0; i < DELAYS; i++) {
		if (!strcmp(word, delay_name(i))) {
			*from = i;
			*to = i + 1;
			return 0;
		}
	}
	return err_usage(e,
			 "delay \"%.64s\": expected refresh, invalidate, unmap "
			 "or all",
			 word);
}

int cmd_delay(struct request *rq)
{
	enum delay from, to;
	uint64_t us;

	if (!rq->argc)
		return delays_json(rq);
	if (parse_which(rq->argv[0], &from, &to, &rq->err))
		return -1;
	if (rq->argc < 2)
		return err_usage(&rq->err, "missing argument: delay %s USEC",
				 rq->argv[0]);
	if (num_parse_range(rq->argv[1], "USEC", 0, DELAY_MAX_US, &us,
			    &rq->err))
		return -1;
	for (enum delay i = from; i < to; i++)
		if (keeper_delay_set(rq->s->keeper, i, (uint32_t)us, &rq->err))
			return -1;
	return delays_json(rq);
}
