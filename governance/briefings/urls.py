"""Pages of digests, below /digests/."""

from __future__ import annotations

from django.urls import path

from governance.briefings.chat_views import ChannelList, channel_remove, channel_test
from governance.briefings.views import (
    DigestDetail,
    DigestList,
    OwnSubscription,
    ReaderList,
    digest_mail,
    digest_preview,
    leave,
    reader_stop,
)

app_name = "digests"
urlpatterns = [
    path("", DigestList.as_view(), name="digest_list"),
    path("<int:pk>/", DigestDetail.as_view(), name="digest_detail"),
    path("<int:pk>/mail/", digest_mail, name="digest_mail"),
    path("preview/", digest_preview, name="digest_preview"),
    path("subscription/", OwnSubscription.as_view(), name="subscription"),
    path("readers/", ReaderList.as_view(), name="reader_list"),
    path("readers/<int:pk>/preview/", digest_preview, name="reader_preview"),
    path("readers/<int:pk>/stop/", reader_stop, name="reader_stop"),
    path("chats/", ChannelList.as_view(), name="channel_list"),
    path("chats/<int:pk>/test/", channel_test, name="channel_test"),
    path("chats/<int:pk>/remove/", channel_remove, name="channel_remove"),
    path("unsubscribe/<str:token>/", leave, name="unsubscribe"),
]
