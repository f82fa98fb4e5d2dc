/* SPDX-License-Identifier: Apache-2.0 */
/* Who else may read or write the files that the configuration is made of and speaks of. A file that
 * others may write is refused, since they could make themselves anything; one that others may read
 * though it holds secrets is a warning.
 */
#include "server/config_table.h"
#include "server/configuration.h"

#include <stdio.h>
#include <sys/stat.h>

#define OTHERS_READ 0004u
#define OTHERS_WRITE 0002u
#define OTHERS_ENTER 0005u /* a directory */

static unsigned mode_of(const char *path)
{
    struct stat info;
    return path[0] && stat(path, &info) == 0 ? (unsigned)info.st_mode : 0;
}

void configuration_check_own_file(struct configuration *configuration, const char *path,
                                  bool has_secrets)
{
    unsigned mode = mode_of(path);
    if (mode & OTHERS_WRITE && S_ISREG(mode))
        configuration_complain(configuration, path,
                               "any user of this machine may change it: chmod o-w");
    else if (mode & OTHERS_READ && has_secrets)
        configuration_warn(
            configuration, path,
            "it holds passwords and any user of this machine may read it: chmod o-r");
}

/* Keys of files that hold secrets, and what to say. */
static void check_secret_file(struct configuration *configuration, enum config_key key,
                              const char *holds)
{
    const char *path = configuration_text(configuration, key);
    char sentence[160];
    if (!(mode_of(path) & OTHERS_READ))
        return;
    snprintf(sentence, sizeof(sentence),
             "it holds %s and any user of this machine may read it: chmod o-r", holds);
    configuration_warn(configuration, path, sentence);
}

void configuration_check_files(struct configuration *configuration)
{
    const char *directory = configuration_text(configuration, CONFIG_DATA_DIR);
    check_secret_file(configuration, CONFIG_SSL_KEYFILE, "a private key");
    check_secret_file(configuration, CONFIG_MANAGEMENT_SSL_KEYFILE, "a private key");
    check_secret_file(configuration, CONFIG_LOAD_DEFINITIONS, "users' password hashes");
    if (mode_of(directory) & OTHERS_ENTER)
        configuration_warn(configuration, directory,
                           "any user of this machine may look into the data directory: chmod 0700");
}
