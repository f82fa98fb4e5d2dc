/* SPDX-License-Identifier: Apache-2.0 */
/* The options of one run, from the rows of bilbyctl_options.def: what the command line says goes
 * before the environment, that before the configuration file's section for the node, that before
 * the file's lines outside of sections.
 */
#ifndef TOOLS_BILBYCTL_OPTIONS_H
#define TOOLS_BILBYCTL_OPTIONS_H

#include "base/slice.h"
#include "tools/bilbyctl_options.def"
#include "tools/bilbyctl_status.h"

enum ctl_option_id {
#define X(id, shorthand, name, kind, where, argument, help) CTL_##id,
    CTL_OPTIONS(X)
#undef X
        CTL_OPTION_COUNT
};

enum ctl_where {
    CTL_WHERE_EVERYWHERE,
    CTL_WHERE_SETTING,
    CTL_WHERE_SCOPED,
    CTL_WHERE_NAMED,
};

struct ctl_option {
    const char *shorthand; /* without its dash; "": none */
    const char *name;      /* without its dashes */
    const char *argument;  /* what --help calls it; NULL: a flag */
    const char *help;
    enum ctl_where where;
    bool number;
};

/* Static storage. */
const struct ctl_option *ctl_option(enum ctl_option_id id);
/* By "name" or "n"; false when there is none. */
bool ctl_option_find(struct slice word, enum ctl_option_id *id);

struct ctl_options {
    char *values[CTL_OPTION_COUNT]; /* heap; NULL: not given; a flag that is set: "true" */
};

void ctl_options_fini(struct ctl_options *options);

/* Sets an option that has no value yet; complains, naming `origin`, about a value that it can't
 * have. A flag wants true or false. */
enum ctl_status ctl_options_set(struct ctl_options *options, enum ctl_option_id id,
                                const char *value, const char *origin) MUST_USE;

/* Fills in from BILBYCTL_NAME what has no value yet. */
enum ctl_status ctl_options_environment(struct ctl_options *options) MUST_USE;

/* Fills in from a configuration file's text what has no value yet. `path` is for complaints. */
enum ctl_status ctl_options_text(struct ctl_options *options, const char *path,
                                 struct slice text) MUST_USE;

/* Fills in from --config, BILBYCTL_CONFIG or the user's own file, which may be absent. */
enum ctl_status ctl_options_file(struct ctl_options *options) MUST_USE;

/* The value, or `fallback`. Borrowed. */
const char *ctl_options_text_of(const struct ctl_options *options, enum ctl_option_id id,
                                const char *fallback);
bool ctl_options_flag(const struct ctl_options *options, enum ctl_option_id id);
unsigned long ctl_options_number(const struct ctl_options *options, enum ctl_option_id id,
                                 unsigned long fallback);

#endif
