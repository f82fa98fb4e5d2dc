# broker/channel_publish.c
# The tag that lets a user speak for others does nothing.
s/ || user_has_tag(user, USER_TAG_IMPERSONATOR))$/)/
