"""Composition: the only package that knows all the rest."""

from postroom.celery import app as celery_app

__all__ = ["celery_app"]
