-- Rows of FOCUS 1.2 made of `parts`, with the columns of later versions that say who sells and who hosts. Whose billing
-- account it is, is said when they are written to a file.
CREATE TEMP MACRO unit_usd(units) AS (
    regexp_replace(lpad(units::VARCHAR, greatest(25, length(units::VARCHAR))::INTEGER, '0'), '(.{24})$', '.\1')::DECIMAL(38, 24)
);
CREATE TEMP MACRO as_json(keys, held) AS (
    nullif(to_json(map_from_entries(list_filter(list_zip(keys, held), lambda one: one[2] IS NOT NULL)))::VARCHAR, '{}')
);
CREATE TEMP VIEW focus_rows AS
WITH summed AS (
    SELECT
        p.* EXCLUDE (quantity, picos), s.seller, s.seller_name, s.publisher, m.meter, m.words,
        sum(p.quantity)::BIGINT AS quantity, sum(p.picos)::HUGEINT AS picos
    FROM parts AS p
    JOIN sold AS s ON s.provider IS NOT DISTINCT FROM p.provider AND s.model IS NOT DISTINCT FROM p.model
    JOIN meters AS m ON m.kind = p.kind
    GROUP BY ALL
    HAVING sum(p.quantity) <> 0 OR sum(p.picos) <> 0
),
named AS (
    SELECT
        *, as_usd(picos) AS cost, concat_ws('/', seller, coalesce(model, '-'), kind) AS sku,
        if(kind = 'other', 'Requests', 'Tokens') AS unit,
        CASE WHEN list_price IS NULL OR list_price = unit_price THEN cost
            ELSE as_usd(rounded(list_price * quantity, 1000000000000)) END AS list_cost
    FROM summed
)
SELECT
    cost AS BilledCost,
    NULL::VARCHAR AS BillingAccountId,
    NULL::VARCHAR AS BillingAccountName,
    'USD' AS BillingCurrency,
    (getvariable('month') + INTERVAL 1 MONTH)::TIMESTAMPTZ AS BillingPeriodEnd,
    getvariable('month')::TIMESTAMPTZ AS BillingPeriodStart,
    'Usage' AS ChargeCategory,
    if(is_correction, 'Correction', NULL) AS ChargeClass,
    concat_ws(' ', model, words) AS ChargeDescription,
    'Usage-Based' AS ChargeFrequency,
    (day + INTERVAL 1 DAY)::TIMESTAMPTZ AS ChargePeriodEnd,
    day::TIMESTAMPTZ AS ChargePeriodStart,
    NULL::VARCHAR AS CommitmentDiscountStatus,
    quantity::DECIMAL(38, 1) AS ConsumedQuantity,
    unit AS ConsumedUnit,
    cost AS ContractedCost,
    unit_usd(unit_price) AS ContractedUnitPrice,
    cost AS EffectiveCost,
    seller_name AS HostProviderName,
    NULL::VARCHAR AS InvoiceId,
    seller_name AS InvoiceIssuerName,
    list_cost AS ListCost,
    unit_usd(list_price) AS ListUnitPrice,
    'Standard' AS PricingCategory,
    'USD' AS PricingCurrency,
    unit_usd(unit_price) AS PricingCurrencyContractedUnitPrice,
    cost AS PricingCurrencyEffectiveCost,
    unit_usd(list_price) AS PricingCurrencyListUnitPrice,
    quantity::DECIMAL(38, 1) AS PricingQuantity,
    unit AS PricingUnit,
    seller_name AS ProviderName,
    publisher AS PublisherName,
    'AI and Machine Learning' AS ServiceCategory,
    seller_name AS ServiceName,
    seller_name AS ServiceProviderName,
    'Generative AI' AS ServiceSubcategory,
    sku AS SkuId,
    meter AS SkuMeter,
    as_json(['x_Model', 'x_ServiceTier', 'x_TokenKind'], [model, service_tier, kind]) AS SkuPriceDetails,
    concat_ws('/', sku, coalesce(service_tier, 'standard')) AS SkuPriceId,
    provider_account AS SubAccountId,
    provider_account AS SubAccountName,
    nullif(to_json(map_concat(
        coalesce(tags, MAP {}),
        map_from_entries(list_filter(
            [
                ('environment', environment), ('feature', feature), ('principal', principal), ('service', service),
                ('tenant', tenant)
            ],
            lambda one: one[2] IS NOT NULL
        ))
    ))::VARCHAR, '{}') AS Tags,
    environment AS x_Environment,
    feature AS x_Feature,
    model AS x_Model,
    operation AS x_Operation,
    price_status AS x_PriceStatus,
    price_version AS x_PriceVersion,
    principal AS x_Principal,
    prompt_name AS x_PromptName,
    prompt_version AS x_PromptVersion,
    provider AS x_Provider,
    route AS x_Route,
    service AS x_Service,
    service_tier AS x_ServiceTier,
    getvariable('settlement')::BIGINT AS x_Settlement,
    tenant AS x_Tenant,
    kind AS x_TokenKind
FROM named
ORDER BY ChargePeriodStart, ChargeClass, SkuPriceId, x_Tenant, x_Feature, x_Service, x_Environment, x_Principal, x_Provider,
    SubAccountId, x_Operation, x_Route, x_PromptName, x_PromptVersion, x_PriceStatus, x_PriceVersion, Tags,
    ContractedUnitPrice, ListUnitPrice, x_Model, x_ServiceTier;
