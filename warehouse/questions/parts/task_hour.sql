-- What an hour tells of its task; one that was taken back, nothing.
        spans > 0 AS is_there,
        if(spans > 0, hour, NULL) AS hour,
        if(spans > 0, coalesce(feature, ''), NULL) AS feature,
        if(spans > 0, coalesce(environment, ''), NULL) AS environment,
        if(spans > 0, coalesce(principal, ''), NULL) AS principal,
        if(spans > 0, users, NULL) AS users,
        {lists_of_several}
        if(spans > 0, cost_usd, NULL) AS cost_usd,
        if(spans > 0, guardrail_blocks, NULL) AS guardrail_blocks,
        if(spans > 0, priced_calls, NULL) AS priced_calls,
        if(spans > 0, calls, NULL) AS calls,
        if(spans > 0, outcome, NULL) AS outcome,
        if(spans > 0, safe, NULL) AS safe,
        if(spans > 0, review_minutes, NULL) AS review_minutes
