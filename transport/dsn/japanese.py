"""Notices in Japanese: their sentences by the message ids of transport/dsn/text.py, and the commonest reasons."""

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

# Why a message failed or waits, by the code of the reason (transport/routing/reasons/): what a sender is told of.
EXPLANATIONS: Final = {
    "queue.expired": (
        "有効期限まで再試行を続けましたが、配信できませんでした。配信を妨げた原因は最後のエラーに示されています。"
        "原因を解消してから、もう一度送信してください。"
    ),
    "queue.delayed": "引き続き再試行しています。もう一度送信していただく必要はありません。",
    "queue.removed": "管理者がこのメッセージをキューから削除しました。",
    "delivery.mailbox_gone": "受け付けた時点では存在していたメールボックスが、その後削除されました。",
    "delivery.store_failed": "当方でメールボックスへの書き込みに失敗しました。自動的に再試行します。",
    "delivery.internal": "当方で予期しない問題が発生しました。自動的に再試行します。",
    "mailbox.full": (
        "受信者のメールボックスが容量の上限に達しています。不要なメールを削除するか、上限を引き上げる必要があります。"
    ),
    "recipient.disabled": "受信者のメールボックスは管理者によって無効にされています。",
    "recipient.unknown": "{recipient} というアドレスは存在しません。アドレスの綴りをご確認ください。",
    "route.no_connector": "{domain} 宛てのメールを送る送信コネクタがありません。組織の管理者にお知らせください。",
    "dns.no_such_domain": "{domain} というドメインは存在しません。アドレスの綴りをご確認ください。",
    "dns.null_mx": "{domain} は、メールを受け取らないことを宣言しているドメインです。",
    "dns.no_mail_host": "{domain} には、メールを受け取るサーバーがありません。",
    "dns.timeout": "DNS サーバーから時間内に応答がありません。自動的に再試行します。",
    "dns.servfail": "DNS サーバーで障害が発生しています。自動的に再試行します。",
    "peer.connect_refused": "相手のサーバーが接続を拒否しています。自動的に再試行します。",
    "peer.connect_timeout": "相手のサーバーから時間内に応答がありません。自動的に再試行します。",
    "peer.recipient_unknown": (
        "相手のサーバーは、このアドレスが存在しないと応答しました。アドレスの綴りをご確認ください。"
    ),
    "peer.recipient_rejected": (
        "相手のサーバーはこの宛先へのメールを受け付けませんでした。詳しくは相手の応答をご覧ください。"
    ),
    "peer.mailbox_disabled": "このアドレスは存在しますが、メールを受け付けていません。別の方法でご連絡ください。",
    "peer.mailbox_full": "受信者のメールボックスがいっぱいです。受信者が空きを作る必要があります。",
    "peer.address_syntax": "相手のサーバーはこのアドレスを正しい形式と認めませんでした。アドレスをご確認ください。",
    "peer.null_mx": "このドメインはメールを受け取らないことを宣言しています。",
    "peer.sender_rejected": "相手のサーバーはこの差出人からのメールを受け付けません。相手の応答をご覧ください。",
    "peer.sender_domain_not_found": (
        "相手のサーバーは差出人のドメインを DNS で見つけられませんでした。"
        "公開されているドメインの返信用アドレスを使う必要があります。組織の管理者にお知らせください。"
    ),
    "peer.greylist": "相手のサーバーは初めての差出人に再送を求めています。自動的に再試行します。",
    "peer.too_large": "相手のサーバーが受け付けるサイズを超えています。大きなファイルはリンクで共有してください。",
    "peer.spam": "相手のサーバーは内容を迷惑メールと判定しました。組織の管理者にお知らせください。",
    "peer.malware": (
        "相手のサーバーは、有害な内容または許可されない種類の添付ファイルと判定しました。ファイルをご確認ください。"
    ),
    "peer.policy": "相手のサーバーの規則により拒否されました。詳しくは相手の応答をご覧ください。",
    "peer.content": "相手のサーバーは内容の形式または文字コードを受け付けませんでした。",
    "peer.blocklist": "当方のアドレスが、相手の利用する拒否リストに載っています。組織の管理者にお知らせください。",
    "peer.relay_denied": "相手のサーバーは、この宛先への中継を許可していません。組織の管理者にお知らせください。",
    "peer.loop": "相手のサーバーがメールの循環を検出しました。転送の設定をご確認ください。",
    "peer.no_smtputf8": "相手のサーバーは国際化されたアドレスに対応していません。英数字のアドレスをお使いください。",
    "peer.no_requiretls": "相手のサーバーは、暗号化を保ったままの転送（REQUIRETLS）を保証できません。",
    "peer.no_8bit": "相手のサーバーは 7 ビットのメールしか受け付けません。別の符号化方式で送信してください。",
    "peer.temporary": "相手のサーバーが一時的なエラーを返しました。自動的に再試行します。",
    "peer.permanent": "相手のサーバーが受け取りを拒否しました。詳しくは相手の応答をご覧ください。",
}
