"""Columns of the FOCUS rows that are kept of closed months: what was handed out once is handed out again."""

from __future__ import annotations

import pyarrow as pa

from warehouse.schemas.kinds import TIME, USD, fields
from warehouse.schemas.settled import CLOSE

_UNIT_USD = pa.decimal128(38, 24)
_QUANTITY = pa.decimal128(38, 1)

FOCUS = pa.schema(
    [
        pa.field("day", pa.date32()),  # first day of the month
        pa.field("line", pa.int64()),
        *CLOSE,
        pa.field("BilledCost", USD),
        *fields("BillingAccountId BillingAccountName BillingCurrency", pa.string()),
        *fields("BillingPeriodEnd BillingPeriodStart", TIME),
        *fields("ChargeCategory ChargeClass ChargeDescription ChargeFrequency", pa.string()),
        *fields("ChargePeriodEnd ChargePeriodStart", TIME),
        pa.field("CommitmentDiscountStatus", pa.string()),
        pa.field("ConsumedQuantity", _QUANTITY),
        pa.field("ConsumedUnit", pa.string()),
        pa.field("ContractedCost", USD),
        pa.field("ContractedUnitPrice", _UNIT_USD),
        pa.field("EffectiveCost", USD),
        *fields("HostProviderName InvoiceId InvoiceIssuerName", pa.string()),
        pa.field("ListCost", USD),
        pa.field("ListUnitPrice", _UNIT_USD),
        *fields("PricingCategory PricingCurrency", pa.string()),
        pa.field("PricingCurrencyContractedUnitPrice", _UNIT_USD),
        pa.field("PricingCurrencyEffectiveCost", USD),
        pa.field("PricingCurrencyListUnitPrice", _UNIT_USD),
        pa.field("PricingQuantity", _QUANTITY),
        *fields("PricingUnit ProviderName PublisherName", pa.string()),
        *fields("ServiceCategory ServiceName ServiceProviderName ServiceSubcategory", pa.string()),
        *fields("SkuId SkuMeter SkuPriceDetails SkuPriceId SubAccountId SubAccountName Tags", pa.string()),
        *fields("x_Environment x_Feature x_Model x_Operation x_PriceStatus x_PriceVersion x_Principal", pa.string()),
        *fields("x_PromptName x_PromptVersion x_Provider x_Route x_Service x_ServiceTier", pa.string()),
        pa.field("x_Settlement", pa.int64()),
        *fields("x_Tenant x_TokenKind", pa.string()),
    ]
)
"""One row of the FOCUS file of a closed month (``docs/focus.md``), written with the settlement that closes it.

``line``: its place in the file. ``BillingAccountId BillingAccountName``: NULL, whoever exports says whose they are.
"""
