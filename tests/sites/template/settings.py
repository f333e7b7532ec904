# -*- coding: UTF-8 -*-
@SITE@


SITE = Site(globals())

DEBUG = False
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "not-a-secret-@NAME@"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_ROOT = str(HERE / "env" / "static_root")
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

DATABASES = {
    "default": {
@DATABASE@
    }
}
