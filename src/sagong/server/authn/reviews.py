"""TokenReview and SelfSubjectReview: the server tells what authentication found."""

from __future__ import annotations

from sagong.api.clock import Clock, format_time
from sagong.api.errors import BadRequestError
from sagong.api.types.authentication import SelfSubjectReview, SelfSubjectReviewStatus, TokenReview, TokenReviewStatus, UserInfo
from sagong.api.types.meta import ObjectMeta
from sagong.server.authn.chain import Authentication
from sagong.server.authn.tokens import InvalidTokenError
from sagong.server.contract import User


async def review_token(review: TokenReview, authentication: Authentication) -> TokenReview:
    """Return the review answered. Raises BadRequestError."""
    if not review.spec.token:
        raise BadRequestError("token is required for TokenReview in authentication")
    answered = review.copy()
    try:
        answer = await authentication.review(review.spec.token, review.spec.audiences)
    except InvalidTokenError as error:
        answered.status = TokenReviewStatus(error=str(error))
    else:
        answered.status = TokenReviewStatus(authenticated=True, user=user_info(answer.user), audiences=list(answer.audiences))
    return answered


def review_self(user: User, clock: Clock) -> SelfSubjectReview:
    """Return who asks."""
    metadata = ObjectMeta(creationTimestamp=format_time(clock.now()))
    return SelfSubjectReview(metadata=metadata, status=SelfSubjectReviewStatus(userInfo=user_info(user)))


def user_info(user: User) -> UserInfo:
    """Return a user as the API shows it."""
    extra = {key: list(values) for key, values in user.extra.items()}
    return UserInfo(username=user.name, uid=user.uid, groups=list(user.groups), extra=extra)
