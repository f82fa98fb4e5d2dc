# broker/login.c
# The password that was right before it was changed still is.
/^void login_set_password/,/^}/s/^        remember(user, password);$/        (void)password;/
