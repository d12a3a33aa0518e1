"""Answers in plain text, by the programs and languages in which people write them."""

from __future__ import annotations

from tests.gate.corpus.building import OTHERS, Sample, answer, head, our_mail, part, quoted

OWN = (
    "It also happens with 2.1.\n\n    lpr: no such queue\n\n- only after a restart\n- not over USB"
)
ADA = "Ada Test via Groundswell"
AT = "<reply+abcdefgh@problems.example.org>"

# How programs say who wrote what they quote, and when.
ATTRIBUTIONS = {
    "gmail": f"On Mon, Nov 23, 2026 at 10:00\u202fAM {ADA} {AT} wrote:",
    "gmail wrapped": f"On Mon, Nov 23, 2026 at 10:00 AM {ADA}\n{AT} wrote:",
    "gmail wrapped twice": f"On Mon, Nov 23, 2026 at 10:00 AM Ada Test\nvia Groundswell <\n{AT[1:]} wrote:",
    "apple": f"On 23 Nov 2026, at 10:00, {ADA} {AT} wrote:",
    "thunderbird": "On 11/23/26 10:00 AM, Ada Test via Groundswell wrote:",
    "thunderbird de": "Am 23.11.26 um 10:00 schrieb Ada Test via Groundswell:",
    "gmail de": f"Am Mo., 23. Nov. 2026 um 10:00 Uhr schrieb {ADA} {AT}:",
    "apple de": f"Am 23.11.2026 um 10:00 schrieb {ADA} {AT}:",
    "gmx": f"Am 23.11.26, 10:00 schrieb Ada {AT}:",
    "gmail fr": f"Le lun. 23 nov. 2026 à 10:00, {ADA} {AT} a écrit :",
    "apple fr": f"Le 23 nov. 2026 à 10:00, {ADA} {AT} a écrit :",
    "thunderbird fr": "Le 23/11/2026 à 10:00, Ada Test a écrit\u00a0:",
    "gmail es": f"El lun, 23 nov 2026 a las 10:00, {ADA} ({AT}) escribió:",
    "apple es": f"El 23 nov 2026, a las 10:00, {ADA} {AT} escribió:",
    "gmail it": f"Il giorno lun 23 nov 2026 alle ore 10:00 {ADA} {AT} ha scritto:",
    "thunderbird it": "Il 23/11/2026 10:00, Ada Test ha scritto:",
    "gmail nl": f"Op ma 23 nov 2026 om 10:00 schreef {ADA} {AT}:",
    "thunderbird nl": "Op 23-11-2026 om 10:00 schreef Ada Test:",
    "gmail pl": f"pon., 23 lis 2026 o 10:00 {ADA} {AT} napisał(a):",
    "thunderbird pl": "W dniu 23.11.2026 o 10:00, Ada Test pisze:",
    "gmail ru": f"пн, 23 нояб. 2026 г. в 10:00, {ADA} {AT}:",
    "thunderbird ru": "23.11.2026 10:00, Ada Test пишет:",
    "yandex": f"23.11.2026, 10:00, \"Ada Test\" {AT} написал:",
    "gmail ja": f"2026年11月23日(月) 10:00 {ADA} {AT}:",
    "apple ja": f"2026/11/23 10:00、{ADA} {AT}のメール：",
    "gmail zh": f"{ADA} {AT} 于2026年11月23日周一 10:00写道：",
    "qq zh": f"在 2026年11月23日 10:00，Ada Test {AT} 写道：",
    "gmail sv": f"Den mån 23 nov. 2026 kl 10:00 skrev {ADA} {AT}:",
    "gmail pt": f"Em seg., 23 de nov. de 2026 às 10:00, {ADA} {AT} escreveu:",
    "gmail da": f"Den man. 23. nov. 2026 kl. 10.00 skrev {ADA} {AT}:",
    "gmail cs": f"po 23. 11. 2026 v 10:00 odesílatel {ADA} {AT} napsal:",
    "gmail fi": f"ma 23. marrask. 2026 klo 10.00 {ADA} {AT} kirjoitti:",
    "gnus": f"Ada Test {AT} writes:",
    "mutt": "On Mon, Nov 23, 2026 at 10:00:00AM +0100, Ada Test wrote:",
    "k-9": f"On November 23, 2026 10:00:00 AM GMT+01:00, {ADA} {AT} wrote:",
    "fairemail": f"Nov 23, 2026 10:00:00 AM {ADA} {AT}:",
    "evolution": "On Mon, 2026-11-23 at 10:00 +0100, Ada Test wrote:",
    "kmail": "On Monday, 23 November 2026 10:00:00 CET Ada Test wrote:",
    "proton": f"On Monday, November 23rd, 2026 at 10:00, {ADA} {AT} wrote:",
    "yahoo": f"On Monday, November 23, 2026 at 10:00:00 AM GMT+1, {ADA} {AT} wrote:",
    "roundcube": "On 2026-11-23 10:00, Ada Test via Groundswell wrote:",
    "zimbra": f"----- On Nov 23, 2026, at 10:00 AM, Ada Test {AT} wrote:",
    "alpine": "On Mon, 23 Nov 2026, Ada Test wrote:",
    "gmail ar": f"في الاثنين، ٢٣ نوفمبر ٢٠٢٦ في ١٠:٠٠ ص تمت كتابة ما يلي بواسطة {ADA} {AT}:",
    "gmail he": f"\u202bבתאריך יום ב׳, 23 בנוב׳ 2026 ב-10:00 מאת \u202a{ADA}\u202c\u200f {AT}:\u202c",
    "thunderbird he": "בתאריך 23/11/2026 10:00, Ada Test כתב:",
    "gmail ko": f"2026년 11월 23일 (월) 오전 10:00, {ADA} {AT}님이 작성:",
    "gmail vi": f"Vào Th 2, 23 thg 11, 2026 vào lúc 10:00 {ADA} {AT} đã viết:",
    "gmail of no language": f"Pir, 23 Sermawez 2026 li 10:00 {ADA} {AT} nivîsand:",
    "thunderbird el": "Στις 23/11/2026 10:00, Ada Test έγραψε:",
    "proton de": f"{ADA} {AT} schrieb am Montag, 23. November 2026 um 10:00:",
    "web.de": f"Am 23.11.26, 10:00 hat {ADA} geschrieben:",
    "mail.ru": f"Понедельник, 23 ноября 2026, 10:00 +03:00 от {ADA} {AT}:",
    "foxmail": "Ada Test 在 2026-11-23 10:00:00 写道：",
    "bare": "Ada Test wrote:",
}  # fmt: skip

# What Outlook and its like put above a mail that they do not quote.
BLOCKS = {
    "outlook en": f"________________________________\nFrom: {ADA} {AT}\nSent: Monday, November 23, 2026 10:00 AM\nTo: Bela Test <bela@example.org>\nSubject: [#7] The printer stops",
    "outlook 2010": f"-----Original Message-----\nFrom: {ADA} [mailto:reply@problems.example.org] \nSent: Monday, November 23, 2026 10:00 AM\nTo: Bela Test\nSubject: [#7] The printer stops",
    "outlook bare": f"From: {ADA} {AT}\nSent: 23 November 2026 10:00\nTo: Bela Test\nCc: Cleo Test\nSubject: [#7] The printer stops",
    "outlook bold": f"*From:* {ADA} {AT}\n*Sent:* Monday, November 23, 2026 10:00 AM\n*To:* Bela Test\n*Subject:* [#7] The printer stops",
    "outlook de": f"Von: {ADA} {AT}\nGesendet: Montag, 23. November 2026 10:00\nAn: Bela Test\nBetreff: [#7] The printer stops",
    "outlook de 2010": "-----Ursprüngliche Nachricht-----\nVon: Ada Test\nGesendet: Montag, 23. November 2026 10:00\nAn: Bela Test\nBetreff: [#7] The printer stops",
    "outlook fr": f"De : {ADA} {AT}\nEnvoyé : lundi 23 novembre 2026 10:00\nÀ : Bela Test\nObjet : [#7] The printer stops",
    "outlook es": f"De: {ADA} {AT}\nEnviado el: lunes, 23 de noviembre de 2026 10:00\nPara: Bela Test\nAsunto: [#7] The printer stops",
    "outlook it": f"Da: {ADA} {AT}\nInviato: lunedì 23 novembre 2026 10:00\nA: Bela Test\nOggetto: [#7] The printer stops",
    "outlook nl": f"Van: {ADA} {AT}\nVerzonden: maandag 23 november 2026 10:00\nAan: Bela Test\nOnderwerp: [#7] The printer stops",
    "outlook pl": f"Od: {ADA} {AT}\nWysłano: poniedziałek, 23 listopada 2026 10:00\nDo: Bela Test\nTemat: [#7] The printer stops",
    "outlook ru": f"От: {ADA} {AT}\nОтправлено: 23 ноября 2026 г. 10:00\nКому: Bela Test\nТема: [#7] The printer stops",
    "outlook ja": f"差出人: {ADA} {AT}\n送信日時: 2026年11月23日 10:00\n宛先: Bela Test\n件名: [#7] The printer stops",
    "outlook zh": f"发件人: {ADA} {AT}\n发送时间: 2026年11月23日 10:00\n收件人: Bela Test\n主题: [#7] The printer stops",
    "outlook sv": f"Från: {ADA} {AT}\nSkickat: den 23 november 2026 10:00\nTill: Bela Test\nÄmne: [#7] The printer stops",
    "outlook pt": f"De: {ADA} {AT}\nEnviada em: segunda-feira, 23 de novembro de 2026 10:00\nPara: Bela Test\nAssunto: [#7] The printer stops",
    "outlook ar": f"من: {ADA} {AT}\nتم الإرسال: الاثنين، 23 نوفمبر 2026 10:00\nإلى: Bela Test\nالموضوع: [#7] The printer stops",
    "outlook he": f"מאת: {ADA} {AT}\nנשלח: יום שני 23 נובמבר 2026 10:00\nאל: Bela Test\nנושא: [#7] The printer stops",
    "outlook el": f"Από: {ADA} {AT}\nΣτάλθηκε: Δευτέρα, 23 Νοεμβρίου 2026 10:00\nΠρος: Bela Test\nΘέμα: [#7] The printer stops",
    "daum": f"--------- 원본 메일 ---------\n보낸사람 : Ada Test {AT}\n받는사람 : Bela Test\n날짜: 2026년 11월 23일 월요일, 10시 00분 00초 +0900\n제목: [#7] The printer stops",
    "notes": "-----Ada Test wrote: -----\nTo: Bela Test\nFrom: Ada Test\nDate: 11/23/2026 10:00AM\nSubject: [#7] The printer stops",
    "notes arrows": "Ada Test ---23.11.2026 10:00:00---The printer stops",
    "apple forward": f"Begin forwarded message:\n\nFrom: {ADA} {AT}\nSubject: [#7] The printer stops\nDate: 23 November 2026 at 10:00:00 CET\nTo: Bela Test",
    "gmail forward": f"---------- Forwarded message ---------\nFrom: {ADA} {AT}\nDate: Mon, Nov 23, 2026 at 10:00 AM\nSubject: [#7] The printer stops\nTo: Bela Test",
    "thunderbird forward": f"-------- Forwarded Message --------\nSubject: [#7] The printer stops\nDate: Mon, 23 Nov 2026 10:00:00 +0100\nFrom: {ADA} {AT}\nTo: Bela Test",
    "thunderbird forward de": f"-------- Weitergeleitete Nachricht --------\nBetreff: [#7] The printer stops\nDatum: Mon, 23 Nov 2026 10:00:00 +0100\nVon: {ADA} {AT}\nAn: Bela Test",
    "exchange two dashes": "-- Original Message --\nFrom: Ada Test\nTo: Bela Test",
    "unknown language": "---- Alkuperainen ----\nFrom: Ada Test\nDate: 23.11.2026\nTo: Bela Test",
}  # fmt: skip

SIGNATURES = {
    "dashes": "-- \nBela Test\nExample Works",
    "dashes without space": "--\nBela Test",
    "iphone": "Sent from my iPhone",
    "android": "Sent from my Android phone",
    "galaxy": "Sent from my Galaxy",
    "outlook ios": "Get Outlook for iOS<https://aka.ms/o0ukef>",
    "yahoo": "Sent from Yahoo Mail on Android",
    "mail for windows": "Sent from Mail for Windows",
    "iphone de": "Von meinem iPhone gesendet",
    "gmx de": "Gesendet mit der GMX Mail App",
    "outlook de": "Outlook für Android beziehen",
    "iphone fr": "Envoyé de mon iPhone",
    "iphone es": "Enviado desde mi iPhone",
    "iphone it": "Inviato da iPhone",
    "iphone nl": "Verstuurd vanaf mijn iPhone",
    "iphone pl": "Wysłane z iPhone'a",
    "iphone ru": "Отправлено с iPhone",
    "iphone ja": "iPhoneから送信",
    "iphone zh": "发自我的iPhone",
    "iphone sv": "Skickat från min iPhone",
    "iphone pt": "Enviado do meu iPhone",
    "proton": "Sent with Proton Mail secure email.",
    "k-9": "-- \nSent from my Android device with K-9 Mail. Please excuse my brevity.",
}  # fmt: skip


def _quoting() -> list[Sample]:
    found = []
    for name, line in ATTRIBUTIONS.items():
        text = f"{OWN}\n\n{line}\n\n{our_mail()}\n"
        found.append(Sample(f"{name}, marker", answer(text), OWN))
        text = f"{OWN}\n{line}\n{quoted()}\n"
        found.append(Sample(f"{name}, no marker", answer(text), OWN))
    # Without a quote's signs, as programs write that only show a line beside it.
    for name in (
        "yahoo",
        "proton",
        "gmail de",
        "gmail fr",
        "gmail ja",
        "apple es",
        "gmail pl",
        "gmail cs",
        "gmail ar",
        "gmail he",
        "gmail of no language",
        "thunderbird el",
        "proton de",
        "mail.ru",
        "foxmail",
    ):
        text = f"{OWN}\n\n{ATTRIBUTIONS[name]}\n\n{quoted(sign='')}\n"
        found.append(Sample(f"{name}, unquoted", answer(text), OWN))
    return found


def _blocks() -> list[Sample]:
    return [
        Sample(name, answer(f"{OWN}\n\n{block}\n\n{quoted(sign='')}\n"), OWN)
        for name, block in BLOCKS.items()
    ] + [
        Sample(f"{name}, marker", answer(f"{OWN}\n\n{BLOCKS[name]}\n\n{our_mail('')}\n"), OWN)
        for name in ("outlook en", "outlook de", "outlook ja")
    ]


def _signatures() -> list[Sample]:
    above = [
        Sample(
            f"signature {name}",
            answer(f"{OWN}\n\n{text}\n\n{ATTRIBUTIONS['gmail']}\n{quoted()}\n"),
            OWN,
        )
        for name, text in SIGNATURES.items()
    ]
    below = [
        Sample(
            f"signature below {name}", answer(f"{quoted()}\n\n{OWN}\n\n{SIGNATURES[name]}\n"), OWN
        )
        for name in ("dashes", "iphone", "k-9", "gmx de")
    ]
    return above + below


WROTE = ATTRIBUTIONS["mutt"]
INTERLEAVED = (
    f"> Which {OTHERS} version?\n\n2.1, and 2.0 before.\n\n> Which {OTHERS} machine?\n\nA ThinkPad."
)
PATCH = "--- a/lpr.c\n+++ b/lpr.c\n@@ -1,3 +1,3 @@\n int x;\n-- \n+-- y\n int z;\n-- \n2.47.0"  # the first takes a line away
FOOTER = (
    "_______________________________________________\nprinters mailing list\n"
    "printers@lists.example.org\nhttps://lists.example.org/listinfo/printers"
)

_OTHERS: list[Sample] = [
    Sample("plus one", answer(f"+1\n\n{WROTE}\n{our_mail()}\n"), "+1"),
    Sample("plus one with signature", answer("+1\n-- \nBela\n"), "+1"),
    Sample("plus one on a phone", answer(f"+1\n\nSent from my iPhone\n\n> {WROTE}\n> \n{our_mail()}"), "+1"),
    Sample("commands", answer(f"!state feedback\n!assign me\n\nPlease try 2.2.\n\n{WROTE}\n{quoted()}"), "!state feedback\n!assign me\n\nPlease try 2.2."),
    Sample("nothing of one's own", answer(f"{WROTE}\n{our_mail()}\n"), ""),
    Sample("nothing but a signature", answer("-- \nBela Test\n"), ""),
    Sample("interleaved", answer(f"Hello,\n\n{WROTE}\n{INTERLEAVED}\n\n-- \nBela\n"), f"Hello,\n\n{INTERLEAVED}"),
    Sample("interleaved from the start", answer(f"{WROTE}\n{INTERLEAVED}\n\n> Thanks {OTHERS}\n> \n> -- \n> Ada {OTHERS}\n"), INTERLEAVED),
    Sample("interleaved below the marker", answer(f"{WROTE}\n{our_mail()}\n\nVersion 2.1.\n\n> Anything {OTHERS} else?\n\nNo.\n"), None),
    Sample("below the quote", answer(f"{WROTE}\n{our_mail()}\n\n{OWN}\n"), OWN),
    Sample("below the quote without name", answer(f"{quoted()}\n{OWN}\n"), OWN),
    Sample("wrapped by an old program", answer(f"{OWN}\n\n{WROTE}\n> A line {OTHERS} that was long enough to be wrapped by a program of old\ntimes {OTHERS}.\n> More {OTHERS}.\n"), OWN),
    Sample("nested quotes", answer(f"{OWN}\n\n{WROTE}\n> {WROTE}\n>> {OTHERS} one\n>>> {OTHERS} two\n> {OTHERS} three\n"), OWN),
    Sample("quoted with spaces", answer(f"{OWN}\n\n{WROTE}\n > {OTHERS} one\n > {OTHERS} two\n"), OWN),
    Sample("list footer", answer(f"{OWN}\n{FOOTER}\n"), OWN),
    Sample("list footer below a quote", answer(f"{OWN}\n\n{WROTE}\n{quoted()}\n{FOOTER}\n"), OWN),
    Sample("google groups", answer(f"{OWN}\n\n-- \nYou received this message because you are subscribed to the Google Groups\n\"printers\" group.\nTo unsubscribe from this group write to printers+unsubscribe@example.org.\n"), OWN),
    Sample("marker in bold", answer(f"{OWN}\n\n*----- Reply above this line -----*\n\n{OTHERS}\n"), OWN),
    Sample("marker with long dashes", answer(f"{OWN}\n\n————— Reply above this line —————\n\n{OTHERS}\n"), OWN),
    Sample("marker quoted twice", answer(f"{OWN}\n\n> > ----- Reply above this line -----\n> > {OTHERS}\n"), OWN),
    Sample("marker in a bar", answer(f"{OWN}\n\n| ----- Reply above this line -----\n| {OTHERS}\n"), OWN),
    Sample("marker in a sentence", answer("You say reply above this line, but where?\n\nHere.\n"), "You say reply above this line, but where?\n\nHere."),
    Sample("disclaimer", answer(f"{OWN}\n\nThis message is confidential.\n"), f"{OWN}\n\nThis message is confidential."),
    Sample("greeting", answer(f"Hi Ada,\n\n{OWN}\n\nThanks,\nBela\n"), f"Hi Ada,\n\n{OWN}\n\nThanks,\nBela"),
    Sample("mailbox From", answer("It printed this:\n\n>From here it was blank.\n"), "It printed this:\n\nFrom here it was blank."),
    Sample("python session", answer("This fails:\n\n>>> import cups\n>>> cups.x\nAttributeError\n"), "This fails:\n\n>>> import cups\n>>> cups.x\nAttributeError"),
    Sample("patch in the text", answer(f"This helps.\n\n{PATCH}\n"), "This helps.\n\n" + PATCH.rpartition("\n-- \n")[0]),
    Sample("rule in own words", answer("Before\n\n----------\n\nAfter\n"), "Before\n\n----------\n\nAfter"),
    Sample("sentence with a colon", answer("On Monday I tried again with this result:\n\nnothing\n"), "On Monday I tried again with this result:\n\nnothing"),
    Sample("words about our address", answer("Mail of 2026-11-23 10:00 to reply@problems.example.org gave:\n\n550 no\n"), "Mail of 2026-11-23 10:00 to reply@problems.example.org gave:\n\n550 no"),
    Sample("sent from in a sentence", answer("It was sent from my iPhone, and stopped.\n\nWhy?\n"), "It was sent from my iPhone, and stopped.\n\nWhy?"),
    Sample("forwarded with words", answer(f"See below.\n\n{BLOCKS['gmail forward']}\n\n{OTHERS}\n", Subject="Fwd: printer", In_Reply_To="", References=""), "See below."),
    Sample("new mail with headers in it", answer("The mail had:\n\nFrom: a\nTo: b\nSubject: c\nDate: d\n\nand was lost.\n", Subject="Mail lost", In_Reply_To="", References=""), "The mail had:\n\nFrom: a\nTo: b\nSubject: c\nDate: d\n\nand was lost."),
    Sample("new mail with quotes", answer("It prints\n\n> hello\n", Subject="Printer", In_Reply_To="", References=""), "It prints\n\n> hello"),
    Sample("answer without its threads", answer(f"{OWN}\n\n{WROTE}\n{quoted()}\n", In_Reply_To="", References=""), OWN),
    Sample("answer without threads or name", answer(f"{OWN}\n\n{quoted()}\n", In_Reply_To="", References="", Subject="AW: printer"), OWN),
    Sample("a log in an answer", answer("At 10:00 the driver wrote:\nerror 5\n\n2026-11-23 10:00:01 ada@example.org wrote 12 bytes:\nmore\n"), "At 10:00 the driver wrote:\nerror 5\n\n2026-11-23 10:00:01 ada@example.org wrote 12 bytes:\nmore"),
    Sample("somebody's words in a new mail", answer("On 3 May 2026 ada@example.org wrote:\n\nIt stops.\n", Subject="Stops", In_Reply_To="", References=""), "On 3 May 2026 ada@example.org wrote:\n\nIt stops."),
    Sample("a rule and fields in a new mail", answer("It prints\n-----\nFrom: here on\nDate: wrong\n", Subject="Stops", In_Reply_To="", References=""), "It prints\n-----\nFrom: here on\nDate: wrong"),
    Sample("unquoted, without address", answer(f"{OWN}\n\nOn Mon, Nov 23, 2026 at 10:00 AM, Ada Test wrote:\n\n{OTHERS}\n"), OWN),
    Sample("plus one and an invisible letter", answer("+1\u200b\n"), "+1"),
    Sample("sender writes about who wrote", answer("Ada wrote:\n\nbut nothing came of it.\n"), "Ada wrote:\n\nbut nothing came of it."),
    Sample("long quote between answers", answer("Yes:\n\n" + "\n".join(f"> {OTHERS} {n}" for n in range(40)) + "\n\nNo.\n"), "Yes:\n\n> […]\n" + "\n".join(f"> {OTHERS} {n}" for n in range(29, 40)) + "\n\nNo."),
    Sample("crlf", answer(f"{OWN}\n\n{WROTE}\n{quoted()}\n").replace(b"\n", b"\r\n"), OWN),
    Sample("cr", answer(f"{OWN}\n\n{WROTE}\n{quoted()}\n").replace(b"\n", b"\r"), OWN),
    Sample("flowed", head() + part("It also happens \nwith 2.1, and \n from here.\n\n> Which ZITAT \n> version?\n-- \nBela\n", "text/plain; charset=utf-8; format=flowed"), "It also happens with 2.1, and from here."),
    Sample("flowed, deleted spaces", head() + part("日本 \n語で \n書く\n", "text/plain; charset=utf-8; format=flowed; delsp=yes"), "日本語で書く"),
    Sample("quoted-printable", head() + part(f"{OWN} ä{'x' * 100}\n", "text/plain; charset=utf-8", "quoted-printable"), f"{OWN} ä{'x' * 100}"),
    Sample("base64", head() + part(f"{OWN}\n\n{WROTE}\n{quoted()}\n", "text/plain; charset=utf-8", "base64"), OWN),
]  # fmt: skip

REPLIES: list[Sample] = [*_quoting(), *_blocks(), *_signatures(), *_OTHERS]
