"""A website with Django and Authlib, whole in one file.

BONGSU_ISSUER=http://localhost:8417 BONGSU_CLIENT_ID=demo BONGSU_CLIENT_SECRET=demo-secret \
APP_URL=http://localhost:3000 SESSION_SECRET=… python website.py runserver --noreload 3000
"""

import os
import sys

from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import OAuth
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import path

APP_URL = os.environ["APP_URL"]

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ["SESSION_SECRET"],
    ALLOWED_HOSTS=["localhost"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    # In memory: a real website keeps sessions where they outlive it.
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    SESSION_COOKIE_NAME="quickstart",
    SESSION_COOKIE_SECURE=APP_URL.startswith("https://"),
)

oauth = OAuth()
oauth.register(
    "bongsu",
    client_id=os.environ["BONGSU_CLIENT_ID"],
    client_secret=os.environ["BONGSU_CLIENT_SECRET"],
    server_metadata_url=os.environ["BONGSU_ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
)


def home(request):
    return HttpResponse('<a id="login" href="/login">로그인</a>')


def login(request):
    return oauth.bongsu.authorize_redirect(request, APP_URL + "/callback")


def callback(request):
    try:
        # Checks state, redeems the code, and checks the ID token and its nonce.
        token = oauth.bongsu.authorize_access_token(request)
    except OAuthError:
        return HttpResponse("the login failed; try again", status=502)
    request.session.cycle_key()  # a new name for what is worth more
    request.session["person"] = {name: token["userinfo"][name] for name in ("sub", "iss")}
    return redirect("/me")


def me(request):
    person = request.session.get("person")
    return JsonResponse(person) if person else redirect("/login")


urlpatterns = [path("", home), path("login", login), path("callback", callback), path("me", me)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
