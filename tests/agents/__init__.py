"""Do real agent programs get what was said, and does mng know what they do?"""
