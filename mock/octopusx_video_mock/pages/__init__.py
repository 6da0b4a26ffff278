"""The pages that the mock serves beside the API: for a person in a browser, and for tools.

They are not in the contract and ask for no key. A path that the contract has comes first.
"""
