"""Patrol: every word of the screen is found by the extraction, and translated in each language."""

import ast
import re
import tomllib
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir, extract_from_file
from babel.messages.frontend import parse_keywords
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from hallpanel.panel.language import BETTER_WORDS, LANGUAGES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hallpanel"
TEMPLATES = PACKAGE / "panel" / "templates"
SIMPLIFIED, TRADITIONAL, ENGLISH = LANGUAGES
REPAIR = "run `make messages` and translate what is new"

MARKS = {"_", "_l", "_n", "gettext", "lazy_gettext", "Phrase"}
"""What makes a sentence of the screen out of a text."""
PASSED_ON = {
    "panel/language.py": {"phrase.msgid", "text", "singular"},
    "engine/words.py": {"msgid"},
}
"""Where a text that was marked elsewhere is looked up, by the name of the argument."""

PLACEHOLDER = re.compile(r"%\((\w+)\)s|%(?!\()")
CHINESE = "\u4e00-\u9fff"
HALF_WIDTH = re.compile(f"[{CHINESE}][,;:!?()]|[,;:!?()][{CHINESE}]")
"""Punctuation of Latin script beside a Chinese character."""
UNWANTED = ("请注意", "您好", "！", "請注意")
"""What a clerk does not write."""
IDENTIFIER = re.compile(r"[a-z]+(-[a-z]+)+")

SIMPLIFIED_ONLY = set(
    "请审计划单门个这为时发项设备从开关办东严丧务动劳势区医协卫厅历压县参双变号吗听员响园图坏"
    "场块处复够夹头奖妇孙学宁宝实宽对导将尔尘尝层岁岗帅师带帮广应张录当忆态总恶悬惊惩惯愿戏户"
    "执扩扫报担拟择据换损搁摄摆撑数断无旧显晓术机权条来极构标样树档检欢残气汇沟沪泽测济浏润涨"
    "渐满灭点烧热爱状独现环电畅疗监盖盘码确离种积称稳窃竞笔签简类纠红约级纪纸线练组细终经绑结"
    "给统继续维综编缓缘缩网罗职联胜脑节药获虑虽补见观规览觉认让训议记讲许论证评识诉词试话该详"
    "语误说调谁谅谈质账货败贴费资赔赖赢趋车转轮软载较辅输辖边达过运还进远违连迟适选递逻遗释里"
    "针钟错键长闭问间闻阅队际陆险随难页顶顺须顾顿预领频题额颜风馈馆驱验龄后余周"
)
"""Characters that only the simplified script has: a sample that office texts are full of.

Some of them (后 里 余 周) the traditional script has too, but not in the words of a hall.
"""
EITHER = set("准系台干只面表征范松制回志采丑斗占了")
"""Characters that the traditional script writes too, in some words."""


@cache
def extracted():
    """All msgids, found as `make messages` finds them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in settings]
    options = {one["pattern"]: {k: str(v) for k, v in one.items()} for one in settings}
    found = extract_from_dir(PACKAGE, methods, options, keywords())
    return frozenset(message for _file, _line, message, _comments, _context in found)


@cache
def keywords():
    """The marks that the Makefile tells the extraction about, over the usual ones."""
    told = re.search(r'--keywords "([^"]+)"', (ROOT / "Makefile").read_text())
    assert told, "the Makefile no longer names the marks of sentences"
    return {**DEFAULT_KEYWORDS, **parse_keywords(told[1].split())}


@cache
def catalogue(tag):
    """The translations of one language by msgid."""
    with (PACKAGE / "translations" / tag / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return {one.id: one for one in read_po(file, locale=tag, abort_invalid=True) if one.id}


def placeholders(text):
    return sorted(found.group() for found in PLACEHOLDER.finditer(text))


def calls(path):
    """Each marked text of a module: its line, its mark, and the argument as a tree."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Name(id=mark), args=[text, *_]) if mark in MARKS:
                yield node.lineno, mark, text


def unreadable(path):
    """The marked texts of a module that no extraction can read."""
    name = path.relative_to(PACKAGE).as_posix()
    for line, mark, text in calls(path):
        literal = isinstance(text, ast.Constant) and isinstance(text.value, str)
        passed_on = ast.unparse(text) in PASSED_ON.get(name, ())
        built = mark == "Phrase" and not isinstance(text, ast.JoinedStr | ast.BinOp)
        if not literal and not passed_on and not built:
            yield f"{name}:{line} {mark}({ast.unparse(text)})"


MODULES = sorted(PACKAGE.rglob("*.py"))
PAGES = sorted(TEMPLATES.rglob("*.html"))


def test_the_patrol_sees_the_code():
    assert len(extracted()) > 400
    assert {
        "Leave request",
        "Approve",
        "What will happen",
        "This field is required.",
    } <= extracted()
    assert {str(word) for word in BETTER_WORDS} <= extracted()


def test_every_marked_text_is_a_plain_text():
    found = [problem for path in MODULES for problem in unreadable(path)]
    assert not found, f"write the sentence itself, with %(name)s for what varies: {found}"


def test_every_marked_text_is_extracted():
    missed = [
        f"{path.relative_to(ROOT)}:{line} {text.value!r}"
        for path in MODULES
        for line, _mark, text in calls(path)
        if isinstance(text, ast.Constant) and text.value and text.value not in extracted()
    ]
    assert not missed, f"mark it with _ or _l, and outside of any f-string: {missed}"


def test_every_marked_text_of_a_page_is_extracted():
    missed = []
    for path in PAGES:
        tree = Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).parse(path.read_text())
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in MARKS:
                text = call.args[0]
                if not isinstance(text, nodes.Const) or text.value not in extracted():
                    missed.append(f"{path.relative_to(ROOT)}:{call.lineno}")
    assert not missed, f"write the sentence itself: {missed}"


class BareWords(HTMLParser):
    """Words that a page shows in one language to everybody."""

    SPOKEN = ("aria-label", "title", "placeholder", "alt", "value", "data-label")
    SILENT = ("script", "style", "kbd")

    def __init__(self):
        super().__init__()
        self.found, self.silent = [], False

    def handle_starttag(self, tag, attrs):
        self.silent = tag in self.SILENT
        self.found += [v for k, v in attrs if k in self.SPOKEN and self.words(v) and tag != "input"]

    def handle_endtag(self, tag):
        self.silent = False

    def handle_data(self, data):
        if not self.silent and self.words(data):
            self.found.append(data.strip())

    @staticmethod
    def words(text):
        """Whether a person would read it: the name of a class such as page-act is no word."""
        bare = re.sub(r"\{\d*\}", "", text or "").strip()
        names = all(IDENTIFIER.fullmatch(word) for word in bare.split())
        return re.search(f"[A-Za-z]{{3,}}|[{CHINESE}]", bare) and not names


def bare_words(source):
    """The words of a page outside its `{{ }}` and `{% %}`."""
    lexed = Environment(autoescape=True).lex(source)
    parser = BareWords()
    parser.feed("".join(text for _line, kind, text in lexed if kind == "data"))
    return parser.found


def test_no_page_speaks_one_language_to_everybody():
    found = {path.name: bare_words(path.read_text()) for path in PAGES}
    found = {name: words for name, words in found.items() if words}
    assert not found, f'put it in {{{{ _("...") }}}}: {found}'


def test_the_patrol_of_pages_sees_a_bare_word():
    assert bare_words("<p title=\"{{ _('a') }}\">{% if x %}Save{% endif %} {{ y }}</p>") == ["Save"]
    assert bare_words('<a aria-label="Close">{{ icon("x") }}</a>') == ["Close"]
    assert bare_words("<p>{{ word }} · 1 <kbd>Ctrl K</kbd></p>") == []


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_sentence_is_translated(tag):
    known = {key for key, one in catalogue(tag).items() if one.string}
    missing = sorted(extracted() - known)
    assert not missing, f"{tag}: {REPAIR}: {missing}"


@pytest.mark.parametrize("tag", LANGUAGES)
def test_no_catalogue_keeps_sentences_that_are_gone(tag):
    gone = sorted(catalogue(tag).keys() - extracted())
    assert not gone, f"{tag}: {REPAIR}: {gone}"


@pytest.mark.parametrize("tag", LANGUAGES)
def test_no_translation_is_a_guess(tag):
    guessed = [one.id for one in catalogue(tag).values() if one.fuzzy]
    assert not guessed, f"{tag}: read them and take the mark 'fuzzy' away: {guessed}"


@pytest.mark.parametrize("tag", LANGUAGES)
def test_translations_name_what_the_sentence_names(tag):
    wrong = [
        one.id
        for one in catalogue(tag).values()
        if placeholders(one.id) != placeholders(one.string)
    ]
    assert not wrong, f"{tag}: the same %(names)s, each as often: {wrong}"


@pytest.mark.parametrize("tag", LANGUAGES)
def test_translations_keep_the_blanks_and_lines_of_the_sentence(tag):
    wrong = [
        one.id
        for one in catalogue(tag).values()
        if one.string.rstrip() != one.string or one.id.count("\n") != one.string.count("\n")
    ]
    assert not wrong, f"{tag}: {wrong}"


@pytest.mark.parametrize("tag", [SIMPLIFIED, TRADITIONAL])
def test_chinese_is_written_as_in_an_office(tag):
    wrong = [
        one.string
        for one in catalogue(tag).values()
        if HALF_WIDTH.search(one.string) or any(word in one.string for word in UNWANTED)
    ]
    assert not wrong, f"{tag}: full-width punctuation, no {UNWANTED}: {wrong}"


@pytest.mark.parametrize("tag", [SIMPLIFIED, TRADITIONAL])
def test_chinese_leaves_no_english_word_untranslated(tag):
    kept = {"xlsx", "csv", "Excel", "UUID", "HALLPANEL_HOSTS", "MB", "A", "B"}
    kept |= {"SHA", "restore", "a", "f"}  # a digest, the command that prints it, and its letters
    wrong = []
    for one in catalogue(tag).values():
        words = set(re.findall(r"[A-Za-z_]+", PLACEHOLDER.sub("", one.string)))
        if words - kept:
            wrong.append(one.string)
    assert not wrong, f"{tag}: {wrong}"


def test_the_traditional_script_has_no_simplified_character():
    wrong = {
        one.string: sorted(SIMPLIFIED_ONLY & set(one.string))
        for one in catalogue(TRADITIONAL).values()
        if SIMPLIFIED_ONLY & set(one.string)
    }
    assert not wrong, f"write them in the traditional script: {wrong}"


def pairs():
    """Each character of the simplified catalogue with the one in its place in the traditional."""
    traditional = catalogue(TRADITIONAL)
    for key, one in catalogue(SIMPLIFIED).items():
        other = traditional[key].string
        if len(one.string) == len(other):
            yield from zip(one.string, other, strict=True)


def test_the_two_scripts_say_the_same_words():
    """A character that is written otherwise once is written otherwise everywhere."""
    changed = {simple for simple, other in pairs() if simple != other} - EITHER
    forgotten = {
        one.string: sorted(changed & set(one.string))
        for one in catalogue(TRADITIONAL).values()
        if changed & set(one.string)
    }
    assert not forgotten, f"these are simplified: {forgotten}"


def test_offices_are_called_the_same_in_both_scripts():
    """The traditional script follows Taiwan in its characters, not in what an office is called."""
    for msgid, words in {
        "Service window": "服務窗口",
        "Supervision section": "督查科",
        "Section lead": "窗口單位負責人",
        "Leave request": "請假單",
    }.items():
        assert catalogue(TRADITIONAL)[msgid].string == words


WORDS = {
    "Leave request": "请假单",
    "Leave balance entry": "假期台账",
    "Delegation of approval": "审批委托",
    "Blocked date": "停假日",
    "Submit": "提交",
    "Withdraw": "撤回",
    "Approve": "批准",
    "Refuse": "不批准",
    "Escalate": "上报",
    "Report back": "销假",
    "Extend": "续假",
    "Hand over": "交接",
    "Leave post": "离岗",
    "Retire": "停用",
    "Draft": "草稿",
    "Awaiting approval": "待审批",
    "Approved": "已批准",
    "Refused": "未批准",
    "Withdrawn": "已撤回",
    "On leave": "休假中",
    "Back at post": "已销假",
    "Overstayed": "逾期未归",
    "due today": "今日到期",
    "%(days)s working days left": "还剩 %(days)s 个工作日",
    "overdue by %(days)s working days": "超期 %(days)s 个工作日",
    "Section lead": "窗口单位负责人",
    "Supervision section": "督查科",
}


def test_things_and_steps_are_called_as_the_hall_calls_them():
    assert {key: catalogue(SIMPLIFIED)[key].string for key in WORDS} == WORDS


def test_the_extraction_reads_words_of_one_and_of_several(tmp_path):
    page = tmp_path / "page.py"
    page.write_text('_n("%(n)s day", "%(n)s days", n)\n_l("Once")\n')
    found = {message for _line, message, *_rest in extract_from_file("python", page, keywords())}
    assert found == {("%(n)s day", "%(n)s days"), "Once"}
