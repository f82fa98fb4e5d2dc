# routing/topic_trie.c
# A star in a binding key matches any number of words.
s/word.data\[0\] == '\*' ? TOPIC_STAR/word.data[0] == '*' ? TOPIC_HASH/
