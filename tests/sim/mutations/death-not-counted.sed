# broker/dead_letter.c
# x-death does not count repeated deaths.
s/^            value\.integer++;$//
