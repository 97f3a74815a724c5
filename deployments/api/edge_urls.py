"""Addresses of agents, below /api/v1/."""

from django.urls import path

from deployments.api.edge_agents import AgentProgramView, PartView, PollView

urlpatterns = [
    path("edge/poll", PollView.as_view()),
    path("edge/parts/<slug:digest>", PartView.as_view()),
    path("edge/agent.pyz", AgentProgramView.as_view(), name="edge_agent"),
]
