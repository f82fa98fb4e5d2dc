# broker/dead_letter.c
# x-death does not count repeated deaths.
s/^            value\.integer += value\.integer < INT64_MAX;.*$//
