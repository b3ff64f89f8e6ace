"""The sentences of notices in Japanese, by their message ids in transport/dsn/text.py."""

from __future__ import annotations

from typing import Final

SENTENCES: Final = {
    "Undeliverable: {subject}": "配信できませんでした: {subject}",
    "Delayed: {subject}": "配信が遅れています: {subject}",
    "Delivered: {subject}": "配信されました: {subject}",
    "Your message was not delivered to the people listed below. It will not be tried again.": (
        "次の宛先にメッセージを配信できませんでした。再送は行われません。"
    ),
    "Your message has not been delivered yet to the people listed below. You need not send it again.": (
        "次の宛先へのメッセージはまだ配信されていません。もう一度送信していただく必要はありません。"
    ),
    "Your message was delivered to the people listed below, or handed on to their mail server.": (
        "メッセージは次の宛先に配信されたか、宛先のメールサーバーに引き渡されました。"
    ),
    "The cause lies on our side: the operators of this mail system have to mend it.": (
        "原因は当方にあります。このメールシステムの運用担当者が対処する必要があります。"
    ),
    "The cause lies in your organisation's mail settings: your administrator can mend it.": (
        "原因は組織のメール設定にあります。組織の管理者が修正できます。"
    ),
    "The cause lies in the message or the address it was sent from: you can mend it.": (
        "原因はメッセージ、または使用されたアドレスにあります。ご自身で修正できます。"
    ),
    "The cause lies on the recipient's side: their mail system or its operators decide about it.": (
        "原因は受信者側にあります。対処できるのは、受信者側のメールシステムとその運用担当者です。"
    ),
    "The cause lies between the two mail systems: the name service or the network.": (
        "原因は双方のメールシステムの間（DNS またはネットワーク）にあります。"
    ),
    "(no subject)": "（件名なし）",
    "We go on trying until {time}. If that fails too, you get one more notice.": (
        "{time} まで再試行を続けます。それでも配信できない場合は、改めてお知らせします。"
    ),
    "Subject: {subject}": "件名: {subject}",
    "Received by us: {time}": "受付日時: {time}",
    "Why: {text}": "理由: {text}",
    "What to do: {text}": "対処方法: {text}",
    "The server {host} said:": "サーバー {host} からの応答:",
    "Our server said:": "当方のサーバーからの応答:",
    "Delivered to the mailbox.": "メールボックスに配信されました。",
    "Handed on to {host}, which sends no reports: whether it arrived, we cannot tell. No more will follow.": (
        "{host} に引き渡しました。このサーバーは配信結果を通知しないため、"
        "届いたかどうかは確認できません。これが最後のお知らせです。"
    ),
    "… and {count} more, named in the technical part of this notice.": (
        "ほか {count} 件。詳細はこの通知の技術情報に記載されています。"
    ),
    "The whole story of this message: {url}": "このメッセージの配信履歴: {url}",
    "Mail delivery": "メール配信システム",
}
