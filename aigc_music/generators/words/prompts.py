"""What language models are asked, and what is read from their answers.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aigc_music.engine.requests import TextRequest

from .template import Template

__all__ = [
    "LINES_SCHEMA", "Message", "again", "clean", "json_in", "kind_messages", "line_messages", "lines_in",
    "next_line_messages",
]  # fmt: skip

Message = dict[str, str]
"""role: system, user or assistant; content."""

LINES_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer"},
                    "candidates": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["number", "candidates"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["lines"],
    "additionalProperties": False,
}
"""Of an answer that holds lines of lyrics."""

SHOWN_BEFORE = 8
"""Lines of the song so far that are shown again."""
STRONG = 0.6
"""From this weight on a syllable is named as stressed."""

SAY: dict[str, dict[str, str]] = {
    "en": {
        "poet": "You write the words of songs. Plain words of today, concrete pictures, whole sentences. Answer with"
                ' JSON alone, such as {"lines": [{"number": 1, "candidates": ["...", "..."]}]}.',
        "about": "The song is about: {theme}.",
        "title": "Its title: {title}.",
        "before": "The song so far:\n{lines}",
        "wanted": "Write {count} candidates for each of these lines of a {section}:",
        "line": "line {number}: exactly {syllables} syllables",
        "stress": ", stressed on {places}",
        "rhyme": ", rhymes with line {partner}",
        "word": " (its last word is {word!r}; use another one)",
        "letter": ", rhyme {letter}",
        "mend": "; last time: {reasons}",
        "singer": "You write the words of songs. Plain words of today, concrete pictures, whole sentences.",
        "next": "Write the next line, of a {section}, and nothing else.",
        "writer": "You write short texts that go with music. Plain words, concrete pictures, no clichés. Answer with"
                  " JSON alone, one object of this JSON schema:\n{schema}",
        "kind": "Write: {what}. It is about: {theme}.",
        "facts": "True facts of the music, the only ones you may state:\n{facts}",
        "again": "That does not do: {reasons}. Answer again, with the whole JSON object and nothing else.",
    },
    "zh": {
        "poet": "你为歌曲填词。用今天的语言，具体的画面，通顺的句子。只回答JSON，形如"
                '{"lines": [{"number": 1, "candidates": ["……", "……"]}]}。',
        "about": "歌的主题：{theme}。",
        "title": "歌名：{title}。",
        "before": "已有的歌词：\n{lines}",
        "wanted": "为以下{section}的每一行各写{count}个候选：",
        "line": "第{number}行：正好{syllables}个汉字，不加标点",
        "stress": "",
        "rhyme": "，与第{partner}行押韵",
        "word": "（那行末字是“{word}”，请换一个字）",
        "letter": "，韵{letter}",
        "mend": "；上次的问题：{reasons}",
        "singer": "你为歌曲填词。用今天的语言，具体的画面，通顺的句子。",
        "next": "只写下一行（{section}），不要别的。",
        "writer": "你写与音乐相配的短文。语言平实，画面具体。只回答JSON，"
                  "一个符合以下JSON Schema的对象，内容用简体中文：\n{schema}",
        "kind": "请写：{what}。主题：{theme}。",
        "facts": "关于音乐的事实，只能陈述这些：\n{facts}",
        "again": "不行：{reasons}。请重新回答，只给出完整的JSON对象。",
    },
}  # fmt: skip

WHAT: dict[str, dict[str, str]] = {
    "title": {"en": "{count} titles for a song", "zh": "{count}个歌名"},
    "story": {"en": "a short story of 250 to 400 words in 4 to 6 paragraphs",
              "zh": "一篇四到六段、三百字左右的小故事"},
    "news": {"en": "a news item about the music in 3 to 5 paragraphs, without invented quotes, dates or figures",
             "zh": "一则三到五段的音乐新闻，不编造引语、日期和数字"},
    "script": {"en": "a script of 3 scenes for a music video; a beat is an action (text) or a speech (cue, line)",
               "zh": "一个三场的音乐短片剧本；beat是动作（文字）或台词（cue、line）"},
    "album-notes": {"en": "notes for the sleeve in 3 to 5 paragraphs, true to the facts",
                    "zh": "三到五段的唱片说明，忠于事实"},
    "character": {"en": "a character of a game", "zh": "一个游戏角色"},
    "quest": {"en": "a quest of a game", "zh": "一个游戏任务"},
    "scene": {"en": "a scene of a game", "zh": "一个游戏场景"},
}  # fmt: skip


def line_messages(
    request: TextRequest,
    template: Template,
    theme: str,
    lines: Mapping[int, str],
    wanted: Mapping[int, Sequence[str]],
    count: int,
) -> list[Message]:
    """Ask for lines. lines: what is written, by number from 0. wanted: number -> why the last try failed."""
    say = SAY[template.language]
    before = [f"{number + 1}: {lines[number]}" for number in sorted(lines)]
    parts = _background(request, theme, before)
    section = template.lines[next(iter(wanted))].section
    parts.append(say["wanted"].format(count=count, section=section))
    parts += [_line(template, lines, number, reasons) for number, reasons in wanted.items()]
    return [{"role": "system", "content": say["poet"]}, {"role": "user", "content": "\n".join(parts)}]


def next_line_messages(
    request: TextRequest, template: Template, theme: str, lines: Mapping[int, str], number: int
) -> list[Message]:
    """Ask for one line as plain text."""
    say = SAY[template.language]
    parts = _background(request, theme, [lines[other] for other in sorted(lines) if other < number])
    parts.append(say["next"].format(section=template.lines[number].section))
    return [{"role": "system", "content": say["singer"]}, {"role": "user", "content": "\n".join(parts)}]


def _background(request: TextRequest, theme: str, before: Sequence[str]) -> list[str]:
    """Theme, title and the song so far."""
    say = SAY[request.language]
    parts = [say["about"].format(theme=theme)]
    if request.title:
        parts.append(say["title"].format(title=request.title))
    if before:
        parts.append(say["before"].format(lines="\n".join(before[-SHOWN_BEFORE:])))
    return parts


def _line(template: Template, lines: Mapping[int, str], number: int, reasons: Sequence[str]) -> str:
    """What one line has to be."""
    say, spec = SAY[template.language], template.lines[number]
    text = say["line"].format(number=number + 1, syllables=spec.syllables)
    strong = [place for place, slot in enumerate(spec.slots, 1) if slot.weight >= STRONG]
    if strong:
        text += say["stress"].format(places=", ".join(map(str, strong)))
    partners = template.partners(number)
    if partners:
        text += say["rhyme"].format(partner=partners[0] + 1)
        if partners[0] in lines and lines[partners[0]]:
            words = lines[partners[0]].rstrip(",.?!").split()
            text += say["word"].format(word=words[-1] if template.language == "en" else words[-1][-1])
    elif spec.rhyme != "-":
        text += say["letter"].format(letter=spec.rhyme)
    return text + (say["mend"].format(reasons="; ".join(reasons)) if reasons else "")


def kind_messages(
    request: TextRequest, theme: str, facts: Mapping[str, str], schema: Mapping[str, Any]
) -> list[Message]:
    """Ask for a text of any kind but lyrics. facts: of the music and its makers."""
    say = SAY[request.language]
    what = WHAT[request.kind][request.language].format(count=request.lines or 6)
    parts = [say["kind"].format(what=what, theme=theme)]
    if facts:
        parts.append(say["facts"].format(facts="\n".join(f"- {name}: {value}" for name, value in facts.items())))
    system = say["writer"].format(schema=json.dumps(schema, ensure_ascii=False))
    return [{"role": "system", "content": system}, {"role": "user", "content": "\n".join(parts)}]


def again(messages: Sequence[Message], answer: str, reasons: Sequence[str], language: str) -> list[Message]:
    """The same question once more, with the answer that failed and why."""
    mend = SAY[language]["again"].format(reasons="; ".join(reasons))
    return [*messages[:2], {"role": "assistant", "content": answer}, {"role": "user", "content": mend}]


def json_in(answer: str) -> Any:
    """The JSON object in an answer, which may stand in a code block, after thoughts or between words. ValueError, for
    people and models alike, where there is none."""
    text = re.sub(r"<think>.*?</think>", "", answer, flags=re.S)
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0 or end < begin:
        raise ValueError("the answer holds no JSON object")
    try:
        return json.loads(text[begin : end + 1])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the answer is no valid JSON ({error})") from error


def lines_in(answer: str, wanted: Sequence[int]) -> dict[int, list[str]]:
    """Candidates by number of the line, from 0, of those that were wanted. ValueError where it is no such answer."""
    rows = json_in(answer).get("lines")
    if not isinstance(rows, list):
        raise ValueError("the answer has no list 'lines'")
    found: dict[int, list[str]] = {number: [] for number in wanted}
    for row in rows:
        number, texts = (row.get("number"), row.get("candidates")) if isinstance(row, dict) else (None, None)
        if isinstance(number, int) and number - 1 in found and isinstance(texts, list):
            found[number - 1] += [text for text in texts if isinstance(text, str) and text.strip()]
    return found


def clean(line: str, language: str) -> str:
    """A line as a song sheet holds it: no list number, quotes or brackets; Chinese without any marks. What is no
    letter of the language is left in, so that the line fails."""
    text = re.sub(r"^\s*\(?\d+[.):]\s*", "", line.replace("’", "'").replace("‘", "'"))
    if language == "zh":
        return re.sub(r"[\s，。！？；：、“”‘’'\"《》（）()—…·,.!?;:]+", "", text)
    text = re.sub(r"[\"“”()\[\]*_]+", "", text).replace("-", " ").replace("—", ", ")
    return re.sub(r"\s+", " ", text).strip(" .;:,")
