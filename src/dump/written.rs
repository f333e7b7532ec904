//! Lines that `dump2py` writes into every script, in all its versions from December 2014 to October 2026.
//!
//! Lines with a name, a number or a version in them are recognised where the script is read. A line that is neither
//! was written by a hand.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::statements::Statement;

static LINES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| WRITTEN.into_iter().collect());

/// Tells whether `dump2py` writes every line of a statement.
pub(super) fn is_written(statement: &Statement<'_>) -> bool {
    let first =
        format!("{}{}", " ".repeat(statement.indent), statement.text.lines().next().unwrap_or_default().trim_end());
    LINES.contains(first.as_str())
        && statement
            .text
            .lines()
            .skip(1)
            .all(|line| line.trim().is_empty() || LINES.contains(line.trim_end()) || line.trim() == "\"\"\"")
}

const WRITTEN: [&str; 79] = [
    "#!/usr/bin/env python",
    "# -*- coding: UTF-8 -*-",
    r#"""""#,
    "from __future__ import unicode_literals",
    "import logging",
    "import os",
    "from decimal import Decimal",
    "from datetime import datetime as dt",
    "from datetime import time, date",
    "from django.conf import settings",
    "# from django.contrib.contenttypes.models import ContentType",
    "from lino.utils.dpy import create_mti_child",
    "from lino.utils.dpy import DpyLoader",
    "from lino.core.utils import resolve_model",
    "def new_content_type_id(m):",
    "    if m is None: return m",
    "    ct = settings.SITE.modules.contenttypes.ContentType.objects.get_for_model(m)",
    "    if ct is None: return None",
    "    return ct.pk",
    "def bv2kw(fieldname, values):",
    r#"    """"#,
    "    Needed if `Site.languages` changed between dumpdata and loaddata",
    "def main():",
    "    loader = DpyLoader(globals())",
    "    from django.core.management import call_command",
    "    # call_command('initdb', interactive=False)",
    "    call_command('initdb')",
    "    os.chdir(os.path.dirname(__file__))",
    "    loader.initialize()",
    "    loader.finalize()",
    "if __name__ == '__main__':",
    "    main()",
    "from datetime import datetime",
    "from django.utils.timezone import make_aware",
    "if settings.USE_TZ:",
    "    def dt(*args):",
    "        return make_aware(datetime(*args))",
    "else:",
    "        return datetime(*args)",
    "    ct = settings.SITE.models.contenttypes.ContentType.objects.get_for_model(m)",
    "def main(args):",
    "    call_command('initdb', interactive=args.interactive)",
    "    import argparse",
    "    parser = argparse.ArgumentParser(description='Restore the data.')",
    "    parser.add_argument('--noinput', dest='interactive',",
    "        action='store_false', default=True,",
    r#"        help="Don't ask for confirmation before flushing the database.")"#,
    "    args = parser.parse_args()",
    "    main(args)",
    "from django.core.management import call_command",
    "    call_command('resetsequences')",
    "from django.utils.timezone import make_aware, utc",
    "        return make_aware(datetime(*args), timezone=utc)",
    "import six",
    "def pmem():",
    "    # Thanks to https://stackoverflow.com/questions/938733/total-memory-used-by-python-process",
    "    process = psutil.Process(os.getpid())",
    "    print(process.memory_info().rss)",
    "def execfile(fn, *args):",
    r#"    logger.info("Execute file %s ...", fn)"#,
    r#"    six.exec_(compile(open(fn, "rb").read(), fn, 'exec'), *args)"#,
    "    # pmem()  # requires pip install psutil",
    "    args = (globals(), locals())",
    r#"    logger.info("Opening file %s ...", fn)"#,
    "    loader = DpyLoader(globals(), quick=args.quick)",
    r#"    logger.info("Loaded %d objects", loader.count_objects)"#,
    "    parser.add_argument('--quick', dest='quick',",
    "        action='store_true',default=False,",
    "        help='Do not call full_clean() on restored instances.')",
    r#"    logger.info("Loaded %d objects",loader.count_objects)"#,
    "from datetime import time,date",
    "from django.contrib.contenttypes.models import ContentType",
    "from lino.core.dbutils import resolve_model",
    "    ct = ContentType.objects.get_for_model(m)",
    "from datetime import timezone; utc = timezone.utc",
    "from lino import logger",
    "    loader = DpyLoader(globals(), quick=args.quick, strict=True)",
    "    parser.add_argument('-b', '--noinput', '--batch', dest='interactive',",
    "settings.ADMINS = []  # Avoid spamming admins with useless error messages",
];
