-- Whether a judgement (name_, label_ in lower case, score) is good; NULL: it does not say.
CASE
    WHEN label_ IN ('success', 'safe', 'grounded', 'factual', 'faithful', 'supported', 'helpful', 'relevant', 'correct', 'pass', 'passed', 'good')
        THEN true
    WHEN label_ IN (
        'failure', 'unsafe', 'ungrounded', 'hallucinated', 'unfaithful', 'unsupported', 'unhelpful', 'irrelevant', 'incorrect', 'fail', 'failed', 'bad'
    ) THEN false
    WHEN score BETWEEN 0 AND 1 AND name_ IN ('groundedness', 'grounded', 'faithfulness', 'faithful', 'factuality', 'helpfulness', 'helpful')
        THEN score >= 0.5
END
